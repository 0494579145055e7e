//! By which ids the entries of a book are known: books give them, or don't, or give one twice.

use std::collections::HashSet;

/// The longest id of a book that is taken.
const MAX_CHARS: usize = 100;

/// The ids of a book's entries, by the ids that the book gives them: these, or else their places. No two are the same.
pub fn entry_ids<'b>(given: impl IntoIterator<Item = Option<&'b str>>) -> Vec<String> {
    let given: Vec<Option<&str>> = given.into_iter().map(|id| id.filter(usable)).collect();
    let mut taken: HashSet<String> = given.iter().flatten().map(|id| (*id).to_owned()).collect();
    let mut seen = HashSet::new();
    let ids = given.iter().enumerate().map(|(place, id)| match id {
        Some(id) if seen.insert(*id) => (*id).to_owned(),
        _ => free(place, &mut taken),
    });
    ids.collect()
}

fn usable(id: &&str) -> bool {
    !id.trim().is_empty() && id.chars().count() <= MAX_CHARS && !id.chars().any(char::is_control)
}

/// The place, or what is like it and nobody's.
fn free(place: usize, taken: &mut HashSet<String>) -> String {
    let mut id = place.to_string();
    while !taken.insert(id.clone()) {
        id.push('+');
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_ids_of_the_book_and_else_places() {
        let long = "x".repeat(200);
        let cases: [(&[Option<&str>], &[&str]); 5] = [
            (&[Some("10"), Some("x-20"), None], &["10", "x-20", "2"]),
            (&[None, Some("0")], &["0+", "0"]),
            (&[Some("7"), Some("7"), Some("1")], &["7", "1+", "1"]),
            (&[Some(" "), Some("\n"), Some(&long)], &["0", "1", "2"]),
            (&[], &[]),
        ];
        for (given, expected) in cases {
            assert_eq!(entry_ids(given.iter().copied()), expected);
        }
    }
}
