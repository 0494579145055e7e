//! One key made ready for matching.

use std::borrow::Cow;

use memchr::memmem::Finder;

use super::{
    buffer::{Hit, Window},
    pattern::{Flags, OutOfSteps, Pattern, PatternBudget, Problem, Steps},
};

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
        /// Written as a pattern, which it isn't.
        is_broken_pattern: bool,
    },
    Pattern(Box<Pattern>),
    /// Holds a macro, so it is made ready when its value is known.
    Template(KeyRules),
    Empty,
    /// A pattern that can't be looked for.
    Broken(Problem),
}

impl Key {
    pub(super) fn new(text: &str, rules: KeyRules, budget: &mut PatternBudget) -> Self {
        if text.contains("{{") {
            Key::Template(rules)
        } else {
            Self::of_plain_text(text, rules, budget)
        }
    }

    /// As [`Key::new`], for a text whose macros are expanded. What macros insert makes no pattern of a text that was none.
    pub(super) fn expanded(
        written: &str,
        text: &str,
        rules: KeyRules,
        budget: &mut PatternBudget,
    ) -> Self {
        Self::read(text, is_written_as_pattern(written), rules, budget)
    }

    fn of_plain_text(text: &str, rules: KeyRules, budget: &mut PatternBudget) -> Self {
        Self::read(text, true, rules, budget)
    }

    fn read(text: &str, may_be_pattern: bool, rules: KeyRules, budget: &mut PatternBudget) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Key::Empty;
        }
        let literal = regex_literal(text).filter(|_| may_be_pattern);
        let pattern = match literal {
            Some((pattern, flags)) => Some(Pattern::new(pattern, flags, budget)),
            None if rules.strict_regex => {
                let flags = Flags {
                    ignore_case: !rules.case_sensitive,
                    ..Flags::default()
                };
                Some(Pattern::new(text, flags, budget))
            }
            None => None,
        };
        match pattern {
            Some(Ok(pattern)) => return Key::Pattern(Box::new(pattern)),
            // As in SillyTavern, what is no pattern is a text.
            Some(Err(Problem::Invalid)) if !rules.strict_regex => {}
            Some(Err(problem)) => return Key::Broken(problem),
            None => {}
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
            is_broken_pattern: literal.is_some(),
        }
    }

    /// Whether there is anything in it to look for.
    pub(super) fn is_usable(&self) -> bool {
        !matches!(self, Key::Empty | Key::Broken(_))
    }

    /// Whether it is looked for by steps that may run out.
    pub(super) fn backtracks(&self) -> bool {
        matches!(self, Key::Pattern(pattern) if matches!(**pattern, Pattern::Backtracking { .. }))
    }

    /// What is wrong with it, if it can't be looked for as it is meant.
    pub(super) fn problem(&self) -> Option<Problem> {
        match self {
            Key::Broken(problem) => Some(*problem),
            Key::Plain {
                is_broken_pattern: true,
                ..
            } => Some(Problem::Invalid),
            _ => None,
        }
    }

    /// The first place where the key is found.
    pub(super) fn find(
        &self,
        window: Window<'_>,
        steps: &Steps,
    ) -> Result<Option<Hit>, OutOfSteps> {
        Ok(match self {
            Key::Plain {
                needle,
                case_sensitive: true,
                whole_word,
                ..
            } => find_plain(window.raw, needle, *whole_word).map(Hit::Raw),
            Key::Plain {
                needle,
                case_sensitive: false,
                whole_word,
                ..
            } => find_plain(window.folded, needle, *whole_word).map(Hit::Folded),
            Key::Pattern(pattern) => pattern.find(window.raw, steps)?.map(Hit::Raw),
            Key::Template(_) | Key::Empty | Key::Broken(_) => None,
        })
    }
}

/// Whether a key begins as a pattern does.
pub(super) fn is_written_as_pattern(key: &str) -> bool {
    key.trim_start().starts_with('/')
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
fn regex_literal(text: &str) -> Option<(&str, Flags)> {
    let (pattern, flags) = text.strip_prefix('/')?.rsplit_once('/')?;
    let flags = Flags::read(flags)?;
    let mut escaped = false;
    for byte in pattern.bytes() {
        if byte == b'/' && !escaped {
            return None;
        }
        escaped = byte == b'\\' && !escaped;
    }
    (!pattern.is_empty()).then_some((pattern, flags))
}
