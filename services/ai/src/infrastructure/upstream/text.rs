//! Puts the halves of characters together that [`super::json`] marks: the two UTF-16 units of an emoji, or bytes of its UTF-8.

use super::json::{self, Half};

/// The first byte of half a character, where a unit of UTF-16 is written as if it were a character.
const HALF: u8 = 0xED;
/// The first byte of all marks.
const MARK: u8 = 0xF4;

/// Puts pieces of text together: characters come out whole, and halves that find no other are replaced.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    /// The beginning of a character.
    held: Vec<u8>,
}

impl Joiner {
    /// What is whole of the text so far and wasn't returned before.
    pub(super) fn push(&mut self, piece: String) -> String {
        if self.held.is_empty() && !piece.as_bytes().contains(&MARK) {
            return piece;
        }
        if piece.is_empty() {
            return piece;
        }
        let mut bytes = std::mem::take(&mut self.held);
        unmark(&piece, &mut bytes);
        self.held = bytes.split_off(bytes.len() - begun(&bytes));
        text(bytes)
    }

    /// What is left when nothing follows.
    pub(super) fn finish(&mut self) -> String {
        text(std::mem::take(&mut self.held))
    }
}

/// Adds a piece to bytes, halves as what they were.
fn unmark(piece: &str, bytes: &mut Vec<u8>) {
    for character in piece.chars() {
        match json::half(character) {
            Some(Half::Byte(byte)) => bytes.push(byte),
            Some(Half::Unit(unit)) => bytes.extend([
                HALF,
                0x80 | (unit >> 6 & 0x3F) as u8,
                0x80 | (unit & 0x3F) as u8,
            ]),
            None => bytes.extend(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// How many bytes at the end begin a character that isn't whole.
fn begun(bytes: &[u8]) -> usize {
    let is_continuation = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
    let behind = bytes.iter().rev().take_while(|it| is_continuation(it));
    let length = behind.count() + 1;
    let Some(start) = bytes.len().checked_sub(length) else {
        return 0;
    };
    let whole = match bytes[start] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 0,
    };
    let is_first_half = half(&bytes[start..]).is_some_and(|unit| unit < 0xDC00);
    if length < whole || is_first_half {
        length
    } else {
        0
    }
}

/// The UTF-16 unit of half a character that stands here.
fn half(bytes: &[u8]) -> Option<u16> {
    match bytes {
        [HALF, second @ 0xA0..=0xBF, third @ 0x80..=0xBF, ..] => {
            Some(0xD000 | u16::from(second & 0x3F) << 6 | u16::from(third & 0x3F))
        }
        _ => None,
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| mended(error.as_bytes()))
}

fn mended(mut bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    while !bytes.is_empty() {
        let mut units = Vec::new();
        while let Some(unit) = half(bytes) {
            units.push(unit);
            bytes = &bytes[3..];
        }
        let chars = char::decode_utf16(units);
        text.extend(chars.map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)));
        let next = (0..bytes.len()).find(|at| half(&bytes[*at..]).is_some());
        let (other, rest) = bytes.split_at(next.unwrap_or(bytes.len()));
        text.push_str(&String::from_utf8_lossy(other));
        bytes = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(fragments: &[&[u8]]) -> Vec<String> {
        let mut joiner = Joiner::default();
        let push = |json: &&[u8]| {
            let piece = json::parse(json).unwrap();
            joiner.push(piece.as_str().unwrap().to_owned())
        };
        let mut texts: Vec<String> = fragments.iter().map(push).collect();
        texts.push(joiner.finish());
        texts
    }

    #[test]
    fn joins_the_halves_of_a_character() {
        let halves: [&[u8]; 2] = [br#""so \ud83e""#, br#""\udd86.""#];
        assert_eq!(joined(&halves), ["so ", "\u{1f986}.", ""]);
        let bytes: [&[u8]; 3] = [b"\"\xF0\"", b"\"\x9F\xA6\"", b"\"\x86!\""];
        assert_eq!(joined(&bytes), ["", "", "\u{1f986}!", ""]);
    }

    #[test]
    fn replaces_halves_that_stay_alone() {
        assert_eq!(joined(&[br#""a\udd86b""#]), ["a\u{fffd}b", ""]);
        assert_eq!(
            joined(&[br#""a\ud83e""#, br#""b""#]),
            ["a", "\u{fffd}b", ""]
        );
        assert_eq!(joined(&[br#""a\ud83e""#]), ["a", "\u{fffd}"]);
        assert_eq!(joined(&[b"\"a\xC3\"", b"\"b\""]), ["a", "\u{fffd}b", ""]);
    }

    #[test]
    fn leaves_whole_texts_as_they_are() {
        let whole: [&[u8]; 4] = [
            "\"한국\"".as_bytes(),
            br#""\u00e9\ud83e\udd86""#,
            b"\"\"",
            "\"\u{10ffff}\"".as_bytes(),
        ];
        assert_eq!(joined(&whole), ["한국", "é\u{1f986}", "", "\u{10ffff}", ""]);
    }
}
