//! Who is mentioned in what was said: by whole words of names and of what else somebody is called.

use std::collections::HashSet;

use crate::domain::search::folded;

/// Words that many names have and that mention nobody, as long as the name has others.
const COMMON: [&str; 36] = [
    "am", "an", "and", "das", "de", "del", "della", "den", "der", "des", "di", "die", "dr", "du",
    "el", "for", "from", "in", "la", "le", "les", "miss", "mr", "mrs", "ms", "my", "no", "of",
    "on", "or", "the", "to", "und", "van", "von", "you",
];
/// What stands behind an apostrophe and is no word of its own, as in "Tom's" and "don't".
const ENDINGS: [&str; 7] = ["s", "d", "ll", "m", "re", "t", "ve"];

/// By what somebody is mentioned.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Words of which each mentions them.
    words: HashSet<String>,
    /// Names in scripts that put no blanks between words: these are found within others, too.
    unspaced: Vec<String>,
    /// What they are called besides, of several words: these are found one after the other.
    phrases: Vec<Vec<String>>,
}

impl Names {
    /// Of somebody's name, of which each word counts, and of what they are called besides, of which only the whole does.
    #[must_use]
    pub fn new<'n>(name: &str, aliases: impl IntoIterator<Item = &'n str>) -> Self {
        let mut names = Self::default().and(name);
        for alias in aliases {
            names.add_phrase(words_of(alias));
            names.add_unspaced(alias);
        }
        names
    }

    /// The same, with another name that somebody has.
    #[must_use]
    pub fn and(mut self, name: &str) -> Self {
        let words = words_of(name);
        let telling: Vec<&String> = (words.iter()).filter(|word| !is_common(word)).collect();
        match telling.is_empty() {
            // Somebody who is called No One is meant by both words together.
            true => self.add_phrase(words),
            false => self.words.extend(telling.into_iter().cloned()),
        }
        self.add_unspaced(name);
        self
    }

    fn add_phrase(&mut self, mut words: Vec<String>) {
        match words.len() {
            0 => {}
            1 => self.words.extend(words.pop()),
            _ => self.phrases.push(words),
        }
    }

    fn add_unspaced(&mut self, name: &str) {
        let name = folded(name.trim());
        if !name.is_empty() && name.chars().any(is_unspaced) {
            self.unspaced.push(name);
        }
    }
}

/// The places of those who are mentioned in a text, in the order in which they are. A word that several have mentions the first of
/// them, unless another one is mentioned by a word of their own.
#[must_use]
pub fn mentioned(text: &str, all: &[&Names]) -> Vec<usize> {
    let text = folded(text);
    let words: Vec<(usize, &str)> = split(&text).collect();
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (who, names) in all.iter().enumerate() {
        let own = words
            .iter()
            .find(|(_, word)| owner(word, all) == Owner::Only(who));
        let phrase = names
            .phrases
            .iter()
            .filter_map(|it| find_phrase(it, &words));
        let within = names
            .unspaced
            .iter()
            .filter_map(|it| text.find(it.as_str()));
        let at = own.map(|(at, _)| *at).into_iter();
        found.extend(at.chain(phrase).chain(within).min().map(|at| (at, who)));
    }
    for (at, word) in &words {
        let Owner::Shared(first) = owner(word, all) else {
            continue;
        };
        let is_known = |(_, who): &(usize, usize)| all[*who].words.contains(*word);
        if !found.iter().any(is_known) {
            found.push((*at, first));
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(_, who)| who).collect()
}

/// Whose name a word is of.
#[derive(PartialEq, Eq)]
enum Owner {
    Nobody,
    Only(usize),
    /// Of several, of whom this is the first.
    Shared(usize),
}

fn owner(word: &str, all: &[&Names]) -> Owner {
    let mut having = (all.iter().enumerate()).filter(|(_, names)| names.words.contains(word));
    match (having.next(), having.next()) {
        (None, _) => Owner::Nobody,
        (Some((who, _)), None) => Owner::Only(who),
        (Some((who, _)), Some(_)) => Owner::Shared(who),
    }
}

fn find_phrase(phrase: &[String], words: &[(usize, &str)]) -> Option<usize> {
    let mut windows = words.windows(phrase.len());
    let found = windows.find(|window| {
        let words = window.iter().map(|(_, word)| *word);
        words.eq(phrase.iter().map(String::as_str))
    });
    found.map(|window| window[0].0)
}

fn words_of(name: &str) -> Vec<String> {
    let name = folded(name);
    split(&name).map(|(_, word)| word.to_owned()).collect()
}

/// Whether a word mentions nobody whose name has others: a single letter doesn't, as in O'Brien, C-3PO and J. Smith.
fn is_common(word: &str) -> bool {
    word.len() == 1 || COMMON.contains(&word)
}

/// The words of a folded text, with where they begin.
fn split(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let start = text.as_ptr() as usize;
    text.split(|c: char| !is_of_word(c))
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - start, word))
        .filter(move |(at, word)| !(ENDINGS.contains(word) && follows_apostrophe(&text[..*at])))
}

/// Whether a text ends with an apostrophe behind a word.
fn follows_apostrophe(text: &str) -> bool {
    let before = text.strip_suffix(['\'', '\u{2019}']);
    before.is_some_and(|before| before.ends_with(is_of_word))
}

fn is_of_word(c: char) -> bool {
    // Marks of scripts whose letters don't compose with them are part of their words.
    c.is_alphanumeric()
        || c == '_'
        || unicode_normalization::char::is_combining_mark(c)
        || matches!(c, '\u{200c}' | '\u{200d}')
}

/// Of a script that puts no blanks between words.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, names: &[&str]) -> Vec<usize> {
        let names: Vec<Names> = names.iter().map(|name| Names::new(name, [])).collect();
        mentioned(text, &names.iter().collect::<Vec<_>>())
    }

    #[test]
    fn any_word_of_a_name_mentions_in_the_order_of_the_text() {
        let cast = ["Mira Vale", "Old Tom", "Wren"];
        assert_eq!(found("WREN, where is mira?", &cast), [2, 0]);
        assert_eq!(found("Tom's boat, tom!", &cast), [1]);
        assert_eq!(found("I admire the wrens", &cast), [0; 0]);
    }

    #[test]
    fn common_words_of_names_mention_nobody() {
        let cast = ["The Narrator", "Lady of the Lake", "Dr. Who"];
        assert_eq!(found("Open the door of the inn, Dr. Moon.", &cast), [0; 0]);
        assert_eq!(found("Narrator, tell of the lake.", &cast), [0, 1]);
        assert_eq!(found("The one who knocks", &["The", "No One"]), [0, 1]);
    }

    #[test]
    fn a_shared_word_mentions_the_first_unless_another_is_named() {
        let cast = ["Mira Vale", "Tom Vale"];
        assert_eq!(found("Vale!", &cast), [0]);
        assert_eq!(found("Tom Vale!", &cast), [1]);
        assert_eq!(found("Tom Vale and Mira Vale", &cast), [1, 0]);
    }

    #[test]
    fn other_scripts_have_words_too() {
        assert_eq!(found("Скажи, Иван!", &["Анна", "Иван"]), [1]);
        assert_eq!(found("Иванов", &["Иван"]), [0; 0]);
        assert_eq!(found("ねえ桜ちゃん、元気?", &["健", "桜"]), [1]);
        assert_eq!(found("ZOE\u{308}!", &["Zo\u{eb}"]), [0]);
        assert_eq!(found("क्या हाल है, मीरा?", &["मीरा"]), [0]);
    }

    #[test]
    fn punctuation_in_names_and_words_makes_nobody_out_of_letters() {
        let cast = [
            "D'Artagnan",
            "Mr. T",
            "M",
            "C-3PO",
            "Miles O\u{2019}Brien",
            "J.R.",
        ];
        for text in [
            "I'd go; they don't, I'm sure.",
            "O, plan C: it isn\u{2019}t J-shaped, t or d.",
        ] {
            assert_eq!(found(text, &cast), [0; 0], "{text}");
        }
        assert_eq!(found("d'Artagnan's sword, M!", &cast), [0, 2]);
        assert_eq!(found("Mr T and c3po, C-3PO", &cast), [1, 3]);
        assert_eq!(found("Ask O'Brien and J.R.'s boy", &cast), [4, 5]);
        assert_eq!(
            found("Jean-Luc? R2D2, R2-D2!", &["Jean-Luc Picard", "R2-D2"]),
            [0, 1]
        );
        assert_eq!(
            found(
                "**Wren**, \u{201c}Tom\u{201d}; (mira)",
                &["Mira", "Tom", "Wren"]
            ),
            [2, 1, 0]
        );
    }

    #[test]
    fn a_nickname_and_the_name_behind_it_both_count() {
        let captain = Names::new("Cap", []).and("Dr. No").and("Dr. No");
        let say = |text| mentioned(text, &[&captain]);
        assert_eq!(say("Cap?"), [0]);
        assert_eq!(say("Is that Dr. No?"), [0]);
        assert_eq!(say("No, doctor."), [0; 0]);
    }

    #[test]
    fn an_alias_counts_as_a_whole() {
        let mira = Names::new("Mira", ["Keeper", "the grey lady"]);
        let say = |text| mentioned(text, &[&mira]);
        assert_eq!(say("keeper?"), [0]);
        assert_eq!(say("It is the Grey  Lady!"), [0]);
        assert_eq!(say("a grey cat, my lady"), [0; 0]);
        assert_eq!(say(""), [0; 0]);
    }
}
