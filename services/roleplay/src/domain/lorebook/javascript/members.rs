//! Classes and what is in them, and the escapes that stand for a character or a class.

use std::fmt::Write;

use super::{Problem, Translator};

const DIGITS: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const SPACE: &str = r"\s\x{feff}";

/// A member of a class.
pub(super) enum Member {
    Char(u32),
    Set(String),
}

impl Translator<'_> {
    pub(super) fn class(&mut self) -> Result<(), Problem> {
        let is_negated = self.take_if("^");
        if self.take_if("]") {
            return self.atom(if is_negated { r"[\s\S]" } else { r"[^\s\S]" });
        }
        let mut class = String::from(if is_negated { "[^" } else { "[" });
        loop {
            self.refuse_sets()?;
            if self.take_if("]") {
                class.push(']');
                return self.atom(&class);
            }
            let first = self.member()?;
            self.refuse_sets()?;
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

    /// What the flag `v` makes a class of classes, which no engine of ours is told.
    fn refuse_sets(&self) -> Result<(), Problem> {
        let begins = |operator: &&str| self.rest.starts_with(*operator);
        match self.flags.sets && ["[", "--", "&&"].iter().any(begins) {
            true => Err(Problem::Unsupported),
            false => Ok(()),
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
    pub(super) fn escaped_member(&mut self) -> Result<Member, Problem> {
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
