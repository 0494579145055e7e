//! Patterns as JavaScript writes them, in the words of Rust's engines: classes are ASCII, `.` is any character but a line
//! break, an escape that means nothing is the character itself, and braces and brackets that close nothing are text.
//!
//! Where JavaScript counts UTF-16 units, characters are counted here.

use std::fmt::Write;

use super::pattern::{Flags, Problem};

/// Most groups that look around or refer back, in one pattern.
const MAX_HARD_PARTS: usize = 32;
const DIGITS: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const SPACE: &str = r"\s\x{feff}";
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
        hard_parts: 0,
        is_unbounded: false,
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
    })
}

/// The groups of a pattern that can be referred to, with their names.
struct Groups(Vec<Option<String>>);

impl Groups {
    fn of(pattern: &str) -> Self {
        let mut groups = Vec::new();
        let (mut escaped, mut in_class) = (false, false);
        for (at, c) in pattern.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                ']' => in_class = false,
                '[' => in_class = true,
                '(' if !in_class => groups.extend(captured(&pattern[at + 1..])),
                _ => {}
            }
        }
        Self(groups)
    }

    fn has_names(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    fn named(&self, name: &str) -> Option<usize> {
        let place = self.0.iter().position(|it| it.as_deref() == Some(name))?;
        Some(place + 1)
    }
}

/// The name of a group that captures, or that it has none; nothing if it doesn't capture.
fn captured(behind_parenthesis: &str) -> Option<Option<String>> {
    let Some(kind) = behind_parenthesis.strip_prefix('?') else {
        return Some(None);
    };
    let name = kind.strip_prefix('<')?.split_once('>')?.0;
    let is_name = !name.is_empty() && !name.starts_with(['=', '!']);
    is_name.then(|| Some(name.to_owned()))
}

/// A member of a class.
enum Member {
    Char(u32),
    Set(String),
}

struct Translator<'p> {
    rest: &'p str,
    flags: Flags,
    dialect: Dialect,
    groups: Groups,
    /// Groups that were opened so far.
    opened: usize,
    hard_parts: usize,
    is_unbounded: bool,
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
                self.repeat(next.encode_utf8(&mut [0; 4]))
            }
            '?' => self.repeat("?"),
            '{' => self.brace(),
            '.' if self.flags.dot_all => self.atom(r"[\s\S]"),
            '.' => self.atom(&format!("[^{LINE_BREAKS}]")),
            '|' | '^' | '$' => {
                self.out.push(next);
                self.can_repeat = false;
                Ok(())
            }
            ')' => {
                self.out.push(')');
                self.can_repeat = true;
                Ok(())
            }
            literal => self.literal(u32::from(literal)),
        }
    }

    fn atom(&mut self, text: &str) -> Result<(), Problem> {
        self.out.push_str(text);
        self.can_repeat = true;
        Ok(())
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
        self.rest = &self.rest[quantifier.len() + 1..];
        self.repeat(&format!("{{{quantifier}}}"))
    }

    fn open(&mut self) -> Result<(), Problem> {
        self.can_repeat = false;
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
                self.out.push_str(self.boundary(next == 'b'));
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

    fn boundary(&self, is_boundary: bool) -> &'static str {
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
        if number > self.groups.0.len() {
            return None;
        }
        self.rest = &self.rest[digits..];
        Some(number)
    }

    /// What a group took; nothing where it took no part, or has yet to end.
    fn reference(&mut self, group: usize) -> Result<(), Problem> {
        self.can_repeat = true;
        let _ = match group <= self.opened {
            true => write!(self.out, "(?(<g{group}>)\\k<g{group}>|)"),
            false => write!(self.out, "(?:)"),
        };
        self.hard()
    }

    fn class(&mut self) -> Result<(), Problem> {
        let is_negated = self.take_if("^");
        if self.take_if("]") {
            return self.atom(if is_negated { r"[\s\S]" } else { r"[^\s\S]" });
        }
        let mut class = String::from(if is_negated { "[^" } else { "[" });
        loop {
            if self.take_if("]") {
                class.push(']');
                return self.atom(&class);
            }
            let first = self.member()?;
            if !self.rest.starts_with('-') || self.rest.starts_with("-]") {
                add(&mut class, first)?;
                continue;
            }
            self.take();
            match (first, self.member()?) {
                (Member::Char(from), Member::Char(to)) => add_range(&mut class, from, to)?,
                (first, last) => {
                    add(&mut class, first)?;
                    add(&mut class, Member::Char(u32::from('-')))?;
                    add(&mut class, last)?;
                }
            }
        }
    }

    fn member(&mut self) -> Result<Member, Problem> {
        match self.take().ok_or(Problem::Invalid)? {
            '\\' if self.take_if("b") => Ok(Member::Char(8)),
            '\\' => self.escaped_member(),
            literal => Ok(Member::Char(u32::from(literal))),
        }
    }

    /// What an escape means inside a class, and outside of one where nothing else is said.
    fn escaped_member(&mut self) -> Result<Member, Problem> {
        let set = |set: &str| Ok(Member::Set(set.to_owned()));
        let unit = match self.take().ok_or(Problem::Invalid)? {
            'd' => return set(DIGITS),
            'D' => return set(&format!("[^{DIGITS}]")),
            'w' => return set(WORD),
            'W' => return set(&format!("[^{WORD}]")),
            's' => return set(SPACE),
            'S' => return set(&format!("[^{SPACE}]")),
            kind @ ('p' | 'P') if self.rest.starts_with('{') => return self.property(kind),
            't' => 9,
            'n' => 10,
            'v' => 11,
            'f' => 12,
            'r' => 13,
            'x' => self.hex(2).unwrap_or(u32::from('x')),
            'u' => self.code_unit(),
            'c' if self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                self.take().map_or(0, |letter| u32::from(letter) % 32)
            }
            digit @ '0'..='7' => self.octal(digit),
            other => u32::from(other),
        };
        Ok(Member::Char(unit))
    }

    fn property(&mut self, kind: char) -> Result<Member, Problem> {
        let (name, behind) = self.rest[1..].split_once('}').ok_or(Problem::Invalid)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '=');
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(Problem::Invalid);
        }
        self.rest = behind;
        Ok(Member::Set(format!(r"\{kind}{{{name}}}")))
    }

    /// The value of so many hexadecimal digits, taken off.
    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text = self.rest.get(..digits)?;
        if !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        self.rest = &self.rest[digits..];
        u32::from_str_radix(text, 16).ok()
    }

    /// Behind `\u`: four digits, two times four for a character beyond them, or digits in braces.
    fn code_unit(&mut self) -> u32 {
        let braced = self
            .rest
            .strip_prefix('{')
            .and_then(|it| it.split_once('}'));
        if let Some((digits, behind)) = braced
            && let Ok(unit) = u32::from_str_radix(digits, 16)
        {
            self.rest = behind;
            return unit;
        }
        let Some(unit) = self.hex(4) else {
            return u32::from('u');
        };
        let behind = self.rest;
        if (0xd800..0xdc00).contains(&unit) && self.take_if(r"\u") {
            if let Some(low @ 0xdc00..0xe000) = self.hex(4) {
                return 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            }
            self.rest = behind;
        }
        unit
    }

    fn octal(&mut self, first: char) -> u32 {
        let mut value = first.to_digit(8).unwrap_or(0);
        while let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(8)) {
            if value * 8 + digit > 0o377 {
                break;
            }
            value = value * 8 + digit;
            self.take();
        }
        value
    }
}

fn add(class: &mut String, member: Member) -> Result<(), Problem> {
    match member {
        Member::Char(unit) => add_range(class, unit, unit),
        Member::Set(set) => {
            class.push_str(&set);
            Ok(())
        }
    }
}

fn add_range(class: &mut String, from: u32, to: u32) -> Result<(), Problem> {
    if from > to {
        return Err(Problem::Invalid);
    }
    if [from, to]
        .iter()
        .any(|unit| char::from_u32(*unit).is_none())
    {
        return Err(Problem::Unsupported);
    }
    let _ = write!(class, r"\x{{{from:x}}}-\x{{{to:x}}}");
    Ok(())
}
