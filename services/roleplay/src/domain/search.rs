//! Words that people look for, and texts as these are looked for in them: without upper case, and composed in one way.

use unicode_normalization::UnicodeNormalization;

/// A word that must be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As it is looked for in folded texts.
    pub folded: String,
    /// As it was typed, but for ASCII's upper case: as it is looked for in texts that nobody folded.
    pub written: String,
}

/// The words of a search; each must be found.
#[must_use]
pub fn words(query: &str) -> Vec<Word> {
    let words = query.split_whitespace().map(|word| Word {
        folded: folded(word),
        written: word.to_ascii_lowercase(),
    });
    words.collect()
}

/// A text in which words are looked for. Of two texts that differ in case, or in how a letter and its marks are composed, it is
/// the same.
#[must_use]
pub fn folded(text: &str) -> String {
    let lower = text.nfc().collect::<String>().to_lowercase();
    // A sigma is written differently at the end of a word, and some letters lose their composition with their case.
    lower.replace('ς', "σ").nfc().collect()
}

/// The folded form of a text where a database can't fold it by itself: databases know the case of ASCII.
#[must_use]
pub fn kept(text: &str) -> Option<String> {
    (!text.is_ascii()).then(|| folded(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_case_and_composition() {
        let same = [
            ("café", "CAFE\u{301}"),
            ("Việt", "vie\u{302}\u{323}t"),
            ("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
            ("ΟΔΟΣ", "οδος"),
            ("ΟΔΟΣ", "οδοσ"),
            ("Å", "\u{212b}"),
        ];
        for (one, other) in same {
            assert_eq!(folded(one), folded(other), "{one}");
        }
        assert_ne!(folded("cafe"), folded("café"));
    }

    #[test]
    fn keeps_a_folded_form_only_where_it_is_needed() {
        assert_eq!(kept("Plain Text"), None);
        assert_eq!(kept("Plain Café").as_deref(), Some("plain café"));
    }

    #[test]
    fn reads_words_apart() {
        let words = words(" Quiet\u{a0}Ünter ");
        let expected = [("quiet", "quiet"), ("ünter", "Ünter")];
        let read: Vec<_> = words.iter().map(|w| (&*w.folded, &*w.written)).collect();
        assert_eq!(read, expected);
    }
}
