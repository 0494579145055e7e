//! One key made ready for matching.

use std::borrow::Cow;

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

use super::buffer::{Hit, Window};

/// Longest pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 2_000;
/// Memory that a compiled pattern may take, in bytes: it is given the first that it fits in.
const COMPILED_BYTES: [usize; 3] = [8 << 10, 32 << 10, 256 << 10];
/// What looking for it may take besides, in each thread.
const MAX_SEARCH_BYTES: usize = 64 << 10;

/// What patterns that are compiled together may still take. Those beyond it are read as plain text.
#[derive(Debug)]
pub(super) struct PatternBudget {
    patterns: usize,
    bytes: usize,
}

impl PatternBudget {
    const ALL: Self = Self {
        patterns: 1_000,
        bytes: 16 << 20,
    };

    /// Memory of the patterns that were compiled, in bytes.
    pub(super) fn spent_bytes(&self) -> usize {
        Self::ALL.bytes - self.bytes
    }
}

impl Default for PatternBudget {
    fn default() -> Self {
        Self::ALL
    }
}

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
    pub(super) fn new(text: &str, rules: KeyRules, budget: &mut PatternBudget) -> Self {
        if text.contains("{{") {
            Key::Template(rules)
        } else {
            Self::of_plain_text(text, rules, budget)
        }
    }

    /// As [`Key::new`], for a text whose macros are expanded.
    pub(super) fn of_plain_text(text: &str, rules: KeyRules, budget: &mut PatternBudget) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Key::Never;
        }
        if let Some((pattern, flags)) = regex_literal(text) {
            match compile(pattern, flags, budget) {
                Some(regex) => return Key::Pattern(Box::new(regex)),
                None if rules.strict_regex => return Key::Never,
                None => {}
            }
        }
        if rules.strict_regex {
            let flags = if rules.case_sensitive { "" } else { "i" };
            let regex = compile(text, flags, budget);
            return regex.map_or(Key::Never, |regex| Key::Pattern(Box::new(regex)));
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
fn compile(pattern: &str, flags: &str, budget: &mut PatternBudget) -> Option<Regex> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return None;
    }
    budget.patterns = budget.patterns.checked_sub(1)?;
    let mut builder = RegexBuilder::new(pattern);
    builder
        .unicode(!is_ascii_pattern(pattern))
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .dfa_size_limit(MAX_SEARCH_BYTES);
    for bytes in COMPILED_BYTES {
        let left = budget.bytes.checked_sub(bytes)?;
        match builder.size_limit(bytes).build() {
            Ok(regex) => {
                budget.bytes = left;
                return Some(regex);
            }
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(_) => return None,
        }
    }
    None
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
