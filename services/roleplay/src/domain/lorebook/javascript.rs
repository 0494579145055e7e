//! Patterns as JavaScript writes them, in the words of Rust's engines: classes are ASCII, `.` is any character but a line
//! break, an escape that means nothing is the character itself, and braces and brackets that close nothing are text.
//!
//! Where JavaScript counts UTF-16 units, characters are counted here.

mod groups;
mod members;

use std::fmt::Write;

use self::groups::{Groups, captured};
use self::members::Member;
use super::pattern::{Flags, Problem};

/// Most groups that look around or refer back, in one pattern.
const MAX_HARD_PARTS: usize = 32;
/// How often what is looked behind for may be repeated by numbers in braces until it reads much of the text.
const MAX_NEAR_REPEATS: u64 = 64;
const LINE_BREAKS: &str = r"\n\r\x{2028}\x{2029}";

/// Which engine a pattern is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `regex`.
    Linear,
    /// `fancy-regex`.
    Backtracking,
}

/// A pattern in the words of an engine.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) text: String,
    /// It looks around or refers back, which only the backtracking engine can.
    pub(super) is_hard: bool,
    /// Something in it repeats without a bound, so that each look may go far.
    pub(super) is_unbounded: bool,
    /// Some look-behind has no fixed length.
    pub(super) looks_behind_freely: bool,
    /// Some look-behind reads much of the text, or all of it.
    pub(super) looks_far_behind: bool,
    /// How often the smallest part could be repeated by numbers in braces.
    pub(super) repeats: u64,
}

/// Rewrites a pattern.
///
/// # Errors
/// It is no pattern in JavaScript either, or one that asks for single halves of a character.
pub(super) fn translate(
    pattern: &str,
    flags: Flags,
    dialect: Dialect,
) -> Result<Translated, Problem> {
    let mut translator = Translator {
        rest: pattern,
        flags,
        dialect,
        groups: Groups::of(pattern),
        opened: 0,
        open: Vec::new(),
        leads: false,
        hard_parts: 0,
        is_unbounded: false,
        looks_behind_freely: false,
        looks_far_behind: false,
        repeats: 1,
        can_repeat: false,
        out: String::with_capacity(pattern.len() * 2),
    };
    while let Some(next) = translator.take() {
        translator.part(next)?;
    }
    Ok(Translated {
        text: translator.out,
        is_hard: translator.hard_parts > 0,
        is_unbounded: translator.is_unbounded,
        looks_behind_freely: translator.looks_behind_freely,
        looks_far_behind: translator.looks_far_behind,
        repeats: translator.repeats,
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A group that is open.
struct Open {
    looks_behind: bool,
    /// Whether its alternatives begin where a look-behind does.
    leads: bool,
}

struct Translator<'p> {
    rest: &'p str,
    flags: Flags,
    dialect: Dialect,
    groups: Groups,
    /// Groups that can be referred to and were opened so far.
    opened: usize,
    open: Vec<Open>,
    /// Whether nothing was taken since a look-behind began.
    leads: bool,
    hard_parts: usize,
    is_unbounded: bool,
    looks_behind_freely: bool,
    looks_far_behind: bool,
    repeats: u64,
    /// Whether there is something before this place that a quantifier can repeat.
    can_repeat: bool,
    out: String,
}

impl Translator<'_> {
    fn take(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn take_if(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn part(&mut self, next: char) -> Result<(), Problem> {
        match next {
            '\\' => self.escape(),
            '[' => self.class(),
            '(' => self.open(),
            '*' | '+' => {
                self.is_unbounded = true;
                self.looks_far_behind |= self.looks_behind();
                self.repeat(next.encode_utf8(&mut [0; 4]))
            }
            '?' => self.repeat("?"),
            '{' => self.brace(),
            '.' if self.flags.dot_all => self.atom(r"[\s\S]"),
            '.' => self.atom(&format!("[^{LINE_BREAKS}]")),
            '|' | '^' | '$' => {
                if next == '|' {
                    self.looks_behind_freely |= self.looks_behind();
                    self.leads = self.open.last().is_some_and(|group| group.leads);
                }
                self.out.push(next);
                self.can_repeat = false;
                Ok(())
            }
            ')' => {
                self.open.pop().ok_or(Problem::Invalid)?;
                self.atom(")")
            }
            literal => self.literal(u32::from(literal)),
        }
    }

    fn atom(&mut self, text: &str) -> Result<(), Problem> {
        self.out.push_str(text);
        self.can_repeat = true;
        self.leads = false;
        Ok(())
    }

    fn looks_behind(&self) -> bool {
        self.open.iter().any(|group| group.looks_behind)
    }

    fn literal(&mut self, unit: u32) -> Result<(), Problem> {
        let literal = char::from_u32(unit).ok_or(Problem::Unsupported)?;
        if literal.is_ascii_alphanumeric() || !literal.is_ascii() {
            return self.atom(literal.encode_utf8(&mut [0; 4]));
        }
        self.atom(&format!(r"\x{{{unit:x}}}"))
    }

    fn repeat(&mut self, quantifier: &str) -> Result<(), Problem> {
        if !self.can_repeat {
            return Err(Problem::Invalid);
        }
        self.out.push_str(quantifier);
        self.looks_behind_freely |= self.looks_behind();
        if self.take_if("?") {
            self.out.push('?');
        }
        self.can_repeat = false;
        Ok(())
    }

    /// A quantifier in braces, or else the brace itself.
    fn brace(&mut self) -> Result<(), Problem> {
        let inner = self.rest.split_once('}').map(|(inner, _)| inner);
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let bounds = inner.map(|inner| inner.split_once(',').unwrap_or((inner, "0")));
        let quantifier = inner.filter(|_| {
            bounds.is_some_and(|(least, most)| {
                is_number(least) && (most.is_empty() || is_number(most))
            })
        });
        let Some(quantifier) = quantifier else {
            return self.literal(u32::from('{'));
        };
        self.is_unbounded |= quantifier.ends_with(',');
        let most = quantifier.rsplit(',').find(|bound| !bound.is_empty());
        let most = most.and_then(|most| most.parse().ok()).unwrap_or(u64::MAX);
        self.repeats = self.repeats.saturating_mul(most.max(1));
        let is_far = quantifier.ends_with(',') || self.repeats > MAX_NEAR_REPEATS;
        self.looks_far_behind |= is_far && self.looks_behind();
        self.rest = &self.rest[quantifier.len() + 1..];
        self.repeat(&format!("{{{quantifier}}}"))
    }

    fn open(&mut self) -> Result<(), Problem> {
        self.can_repeat = false;
        let looks_behind = ["?<=", "?<!"].iter().any(|it| self.rest.starts_with(it));
        self.leads |= looks_behind;
        self.open.push(Open {
            looks_behind,
            leads: self.leads,
        });
        for look in ["?=", "?!", "?<=", "?<!"] {
            if self.take_if(look) {
                self.out.push('(');
                self.out.push_str(look);
                return self.hard();
            }
        }
        if captured(self.rest).is_some() {
            return self.open_captured();
        }
        // Also flags for a part of the pattern, as `(?i:`.
        let flags = self.rest.strip_prefix('?').and_then(|rest| {
            let end = rest.find(|c: char| !matches!(c, 'i' | 'm' | 's' | '-'))?;
            rest[end..].starts_with(':').then_some(&rest[..end])
        });
        let flags = flags.ok_or(Problem::Invalid)?;
        self.rest = &self.rest[flags.len() + 2..];
        let _ = write!(self.out, "(?{flags}:");
        Ok(())
    }

    fn open_captured(&mut self) -> Result<(), Problem> {
        self.opened += 1;
        if let Some((_, behind)) = self
            .rest
            .strip_prefix("?<")
            .and_then(|it| it.split_once('>'))
        {
            self.rest = behind;
        }
        // Writing to a string can't fail.
        let _ = match self.dialect {
            Dialect::Linear => write!(self.out, "(?:"),
            Dialect::Backtracking => write!(self.out, "(?<g{}>", self.opened),
        };
        Ok(())
    }

    fn hard(&mut self) -> Result<(), Problem> {
        self.hard_parts += 1;
        if self.hard_parts > MAX_HARD_PARTS {
            return Err(Problem::TooLarge);
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Problem> {
        let Some(next) = self.rest.chars().next() else {
            return Err(Problem::Invalid);
        };
        match next {
            'b' | 'B' => {
                self.take();
                self.can_repeat = false;
                let boundary = self.boundary(next == 'b');
                self.out.push_str(boundary);
                Ok(())
            }
            'k' if self.groups.has_names() => {
                self.take();
                let name = self
                    .rest
                    .strip_prefix('<')
                    .and_then(|it| it.split_once('>'));
                let (name, behind) = name.ok_or(Problem::Invalid)?;
                let group = self.groups.named(name).ok_or(Problem::Invalid)?;
                self.rest = behind;
                self.reference(group)
            }
            '1'..='9' => match self.group_number() {
                Some(group) => self.reference(group),
                None => self.escaped_atom(),
            },
            _ => self.escaped_atom(),
        }
    }

    fn escaped_atom(&mut self) -> Result<(), Problem> {
        match self.escaped_member()? {
            Member::Char(unit) => self.literal(unit),
            Member::Set(set) => self.atom(&format!("[{set}]")),
        }
    }

    fn boundary(&mut self, is_boundary: bool) -> &'static str {
        let before_word = self.rest.starts_with(is_word) || self.rest.starts_with('(');
        if self.leads && is_boundary && before_word {
            // A look-behind of any length can't hold other looks, and may as well take the character before.
            self.looks_behind_freely = true;
            return r"(?:\A|[^0-9A-Za-z_])";
        }
        match (self.dialect, is_boundary) {
            (Dialect::Linear, true) => r"(?-u:\b)",
            (Dialect::Linear, false) => r"(?-u:\B)",
            (Dialect::Backtracking, true) => {
                "(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))"
            }
            (Dialect::Backtracking, false) => {
                "(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))"
            }
        }
    }

    /// The number of a group that the pattern has, taken off.
    fn group_number(&mut self) -> Option<usize> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = self.rest[..digits].parse().ok()?;
        if number > self.groups.count() {
            return None;
        }
        self.rest = &self.rest[digits..];
        Some(number)
    }

    /// What a group took; nothing where it took no part, or has yet to end.
    fn reference(&mut self, group: usize) -> Result<(), Problem> {
        (self.can_repeat, self.leads) = (true, false);
        let _ = match group <= self.opened {
            true => write!(self.out, "(?(<g{group}>)\\k<g{group}>|)"),
            false => write!(self.out, "(?:)"),
        };
        self.hard()
    }
}
