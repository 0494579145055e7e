//! One key made ready for matching.

use std::borrow::Cow;

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

use super::buffer::{Hit, Window};

/// Longest pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 2_000;
/// Most memory of one compiled pattern, in bytes.
const MAX_COMPILED_BYTES: usize = 256 * 1024;

/// How an entry's keys are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct KeyRules {
    pub(super) case_sensitive: bool,
    pub(super) whole_words: bool,
    pub(super) strict_regex: bool,
}

/// A key that can be looked for.
#[derive(Debug, Clone)]
pub(super) enum Key {
    Plain {
        needle: Box<Finder<'static>>,
        case_sensitive: bool,
        whole_word: bool,
    },
    Pattern(Box<Regex>),
    /// Holds a macro, so it is made ready when its value is known.
    Template(KeyRules),
    /// Empty, or a pattern that can't be used.
    Never,
}

impl Key {
    pub(super) fn new(text: &str, rules: KeyRules) -> Self {
        if text.contains("{{") {
            Key::Template(rules)
        } else {
            Self::of_plain_text(text, rules)
        }
    }

    /// As [`Key::new`], for a text whose macros are expanded.
    pub(super) fn of_plain_text(text: &str, rules: KeyRules) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Key::Never;
        }
        if let Some((pattern, flags)) = regex_literal(text) {
            match compile(pattern, flags) {
                Some(regex) => return Key::Pattern(Box::new(regex)),
                None if rules.strict_regex => return Key::Never,
                None => {}
            }
        }
        if rules.strict_regex {
            let flags = if rules.case_sensitive { "" } else { "i" };
            return compile(text, flags).map_or(Key::Never, |regex| Key::Pattern(Box::new(regex)));
        }
        let needle: Cow<'_, str> = if rules.case_sensitive {
            text.into()
        } else {
            text.to_lowercase().into()
        };
        Key::Plain {
            needle: Box::new(Finder::new(needle.as_bytes()).into_owned()),
            case_sensitive: rules.case_sensitive,
            whole_word: rules.whole_words && !text.contains(char::is_whitespace),
        }
    }

    /// The first place where the key is found.
    pub(super) fn find(&self, window: Window<'_>) -> Option<Hit> {
        match self {
            Key::Plain {
                needle,
                case_sensitive: true,
                whole_word,
            } => find_plain(window.raw, needle, *whole_word).map(Hit::Raw),
            Key::Plain {
                needle,
                case_sensitive: false,
                whole_word,
            } => find_plain(window.folded, needle, *whole_word).map(Hit::Folded),
            Key::Pattern(regex) => regex.find(window.raw.as_bytes()).map(|found| {
                // A match may begin with the line break between two messages: take its last byte.
                Hit::Raw(found.end().saturating_sub(1).max(found.start()))
            }),
            Key::Template(_) | Key::Never => None,
        }
    }
}

fn find_plain(text: &str, needle: &Finder<'_>, whole_word: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    if !whole_word {
        return needle.find(bytes);
    }
    let length = needle.needle().len();
    needle.find_iter(bytes).find(|start| {
        let before = start.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(start + length);
        !before.is_some_and(is_word_byte) && !after.is_some_and(is_word_byte)
    })
}

/// ASCII only, as in JavaScript: an accented or Chinese letter bounds a word.
fn is_word_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// Takes `/pattern/flags` apart; a slash inside the pattern must be escaped.
fn regex_literal(text: &str) -> Option<(&str, &str)> {
    let (pattern, flags) = text.strip_prefix('/')?.rsplit_once('/')?;
    let known_flags = flags.bytes().all(|flag| b"dgimsuvy".contains(&flag));
    let mut escaped = false;
    for byte in pattern.bytes() {
        if byte == b'/' && !escaped {
            return None;
        }
        escaped = byte == b'\\' && !escaped;
    }
    (known_flags && !pattern.is_empty()).then_some((pattern, flags))
}

/// Linear-time patterns only: look-around and back-references don't compile.
///
/// Like JavaScript's, classes and case of an ASCII pattern are ASCII; that also makes it
/// several times quicker to compile.
fn compile(pattern: &str, flags: &str) -> Option<Regex> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return None;
    }
    RegexBuilder::new(pattern)
        .unicode(!is_ascii_pattern(pattern))
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .build()
        .ok()
}

/// Whether the pattern neither holds nor names a character beyond ASCII.
fn is_ascii_pattern(pattern: &str) -> bool {
    let names_others = |escape: &[u8]| match escape {
        [b'\\', b'u' | b'p' | b'P', _] => true,
        [b'\\', b'x', digit] => !matches!(digit, b'0'..=b'7'),
        _ => false,
    };
    pattern.is_ascii() && !pattern.as_bytes().windows(3).any(names_others)
}
