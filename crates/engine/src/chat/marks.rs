//! The texts of control tokens in what people wrote, kept from becoming those tokens.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::prompt::Prompt;

/// Stands before the number of a hidden text: no character that anybody writes, and if somebody does, it is hidden too.
const BEFORE: char = '\u{10fffd}';
/// The first of the characters that stand for numbers.
const ZERO: u32 = 0x10_0000;
const MOST: usize = 0xfff0;

/// Finds the texts of control tokens.
#[derive(Debug)]
pub(super) struct Marks(AhoCorasick);

/// Texts in which the marks are hidden, and what they were.
#[derive(Debug)]
pub(super) struct Hidden {
    pub(super) texts: Vec<String>,
    marks: Vec<String>,
}

impl Marks {
    /// # Errors
    /// There are too many of them, for people.
    pub(super) fn new(specials: &[&str]) -> Result<Self, String> {
        let own = [BEFORE.to_string(), super::HERE.to_string()];
        let texts = specials
            .iter()
            .copied()
            .chain(own.iter().map(String::as_str));
        AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(texts)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// Puts stand-ins for all marks in the texts.
    pub(super) fn hide<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Hidden {
        let mut marks = Vec::new();
        let mut hide = |text: &str| {
            let mut out = String::with_capacity(text.len());
            let mut at = 0;
            for found in self.0.find_iter(text) {
                out.push_str(&text[at..found.start()]);
                at = found.end();
                // Beyond so many they are left out: nobody means them.
                if marks.len() < MOST {
                    out.push(BEFORE);
                    out.extend(char::from_u32(ZERO + marks.len() as u32));
                    marks.push(text[found.range()].to_owned());
                }
            }
            out.push_str(&text[at..]);
            out
        };
        let texts = texts.map(&mut hide).collect();
        Hidden { texts, marks }
    }
}

impl Hidden {
    /// The prompt that a rendered text is, with the marks back in their places as somebody's words.
    pub(super) fn shown(&self, rendered: &str) -> Prompt {
        let mut text = String::with_capacity(rendered.len());
        let mut words: Vec<Range<usize>> = Vec::new();
        let mut parts = rendered.split(BEFORE);
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let mut rest = part.chars();
            let number = rest
                .next()
                .map(|number| u32::from(number).wrapping_sub(ZERO));
            let mark = number.and_then(|number| self.marks.get(number as usize));
            let start = text.len();
            text.push_str(mark.map_or("", String::as_str));
            words.push(start..text.len());
            text.push_str(rest.as_str());
        }
        Prompt::new(text, words)
    }
}
