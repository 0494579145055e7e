//! What things are called in the document.

use std::collections::BTreeSet;

/// Names that are taken.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The short name, or the full one where another thing has it; with a number, where that is taken too.
    pub(super) fn claim(&mut self, short: String, full: &str) -> String {
        let numbered = (2..).map(|number| format!("{full}{number}"));
        let mut names = [short, full.to_owned()].into_iter().chain(numbered);
        names
            .find(|name| self.0.insert(name.clone()))
            .unwrap_or_default()
    }
}

/// `sendMessage` for `SendMessage`.
pub(super) fn lower_camel(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// `List login sessions` for `ListLoginSessions`.
pub(super) fn title(name: &str) -> String {
    let mut title = String::with_capacity(name.len() + 4);
    for (index, letter) in name.chars().enumerate() {
        match letter {
            'A'..='Z' if index > 0 => title.extend([' ', letter.to_ascii_lowercase()]),
            _ => title.push(letter),
        }
    }
    title
}

/// `sessionId` for `session_id`, `session.id` and `sessionId`.
pub(super) fn json_name(path: &str) -> String {
    let mut name = String::with_capacity(path.len());
    let mut begins_word = false;
    for letter in path.chars() {
        match letter {
            '_' | '.' => begins_word = !name.is_empty(),
            _ if begins_word => {
                name.push(letter.to_ascii_uppercase());
                begins_word = false;
            }
            _ => name.push(letter),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_those_of_the_contract() {
        assert_eq!(lower_camel("SendMessage"), "sendMessage");
        assert_eq!(title("ListLoginSessions"), "List login sessions");
        for path in ["session_id", "session.id", "sessionId"] {
            assert_eq!(json_name(path), "sessionId", "{path}");
        }
    }

    #[test]
    fn a_name_is_given_once() {
        let mut names = Names::default();
        let mut claim = |full| names.claim("Thing".to_owned(), full);
        assert_eq!(claim("a.Thing"), "Thing");
        assert_eq!(claim("b.Thing"), "b.Thing");
        assert_eq!(claim("b.Thing"), "b.Thing2");
    }
}
