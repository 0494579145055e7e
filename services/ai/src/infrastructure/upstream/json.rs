//! JSON as servers write it. Strict JSON is read as it is; what breaks its rules within a text or a number is mended first.
//!
//! Servers cut replies between tokens, and a token may be half of a character: one of the two UTF-16 escapes of an emoji, or
//! some bytes of its UTF-8. No `str` can hold a half, so a half is marked by a character of a private area, as PEP 383 does, and
//! [`super::text`] puts the halves together.

use serde_json::Value;

/// Marks a UTF-16 unit that stands alone, counted from 0xD800.
const UNITS: u32 = 0x10_F000;
/// Marks a byte that is no UTF-8.
const BYTES: u32 = 0x10_F800;
const FIRST_UNIT: u16 = 0xD800;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Half of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Unit(u16),
    Byte(u8),
}

/// The half that a character marks, if it marks one.
pub(super) fn half(character: char) -> Option<Half> {
    let code = u32::from(character);
    let unit = code.checked_sub(UNITS).filter(|unit| *unit < 0x800);
    if let Some(unit) = unit.and_then(|unit| u16::try_from(unit).ok()) {
        return Some(Half::Unit(FIRST_UNIT + unit));
    }
    let byte = code.checked_sub(BYTES)?;
    u8::try_from(byte).ok().map(Half::Byte)
}

/// One JSON value.
pub(super) fn parse(bytes: &[u8]) -> Option<Value> {
    let strict = serde_json::from_slice(bytes);
    strict
        .or_else(|_| serde_json::from_slice(&mended(bytes)))
        .ok()
}

/// One JSON document, which may have a byte order mark.
pub(crate) fn document(bytes: &[u8]) -> Option<Value> {
    parse(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes))
}

/// JSON values one after another, with white space between them or none; `None` if anything else is among them.
pub(super) fn parse_all(bytes: &[u8]) -> Option<Vec<Value>> {
    let mended = mended(bytes);
    serde_json::Deserializer::from_slice(&mended)
        .into_iter()
        .collect::<Result<_, _>>()
        .ok()
}

/// The bytes without what no JSON may have.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut mender = Mender {
        out: Vec::with_capacity(bytes.len() + 16),
        rest: bytes,
    };
    while !mender.rest.is_empty() {
        mender.outside();
    }
    mender.out
}

struct Mender<'a> {
    out: Vec<u8>,
    rest: &'a [u8],
}

impl Mender<'_> {
    fn copy(&mut self, count: usize) {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.out.extend_from_slice(taken);
        self.rest = rest;
    }

    fn replace(&mut self, count: usize, with: &[u8]) {
        self.out.extend_from_slice(with);
        self.rest = &self.rest[count..];
    }

    fn mark(&mut self, code: u32) {
        let mut buffer = [0; 4];
        let mark = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.out
            .extend_from_slice(mark.encode_utf8(&mut buffer).as_bytes());
    }

    /// A text, a number, or what stands between them.
    fn outside(&mut self) {
        match self.rest[0] {
            b'"' => {
                self.copy(1);
                self.text();
            }
            b'-' | b'0'..=b'9' | b'N' | b'I' => self.number(),
            _ => self.copy(1),
        }
    }

    /// Numbers beyond all others have no place in JSON, though Python writes them.
    fn number(&mut self) {
        let is_part =
            |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let length = self.rest.iter().take_while(is_part).count().max(1);
        let token = str::from_utf8(&self.rest[..length]).unwrap_or_default();
        let number: Option<f64> = token.parse().ok();
        match number.is_some_and(|number| !number.is_finite()) {
            true => self.replace(length, b"null"),
            false => self.copy(length),
        }
    }

    fn text(&mut self) {
        while let Some(&byte) = self.rest.first() {
            match byte {
                b'"' => return self.copy(1),
                b'\\' => self.escape(),
                ..0x20 => {
                    let escape = format!("\\u{byte:04x}");
                    self.replace(1, escape.as_bytes());
                }
                0x80.. => self.beyond_ascii(),
                _ => self.copy(1),
            }
        }
    }

    fn escape(&mut self) {
        match self.rest.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.copy(2),
            Some(b'u') => match (
                unit(self.rest),
                unit(self.rest.get(6..).unwrap_or_default()),
            ) {
                (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => self.copy(12),
                (Some(alone @ 0xD800..0xE000), _) => {
                    self.mark(UNITS + u32::from(alone - FIRST_UNIT));
                    self.rest = &self.rest[6..];
                }
                (Some(_), _) => self.copy(6),
                (None, _) => self.replace(1, br"\\"),
            },
            _ => self.replace(1, br"\\"),
        }
    }

    fn beyond_ascii(&mut self) {
        let length = self.rest.len().min(4);
        let whole = match str::from_utf8(&self.rest[..length]) {
            Ok(text) => text.chars().next().map_or(0, char::len_utf8),
            Err(error) if error.valid_up_to() > 0 => {
                let valid = str::from_utf8(&self.rest[..error.valid_up_to()]).unwrap_or_default();
                valid.chars().next().map_or(0, char::len_utf8)
            }
            Err(_) => 0,
        };
        if whole > 0 {
            return self.copy(whole);
        }
        self.mark(BYTES + u32::from(self.rest[0]));
        self.rest = &self.rest[1..];
    }
}

/// The UTF-16 unit of an escape `\uXXXX` that stands here.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(..6)?.strip_prefix(br"\u")?;
    let digits = str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn mends_what_servers_write() {
        let table: [(&[u8], Value); 6] = [
            (
                br#"{"a": NaN, "b": -Infinity, "c": 1e999, "d": 1.5}"#,
                json!({"a": null, "b": null, "c": null, "d": 1.5}),
            ),
            (b"{\"a\": \"two\nlines\"}", json!({"a": "two\nlines"})),
            (br#"{"a": "it\'s \x \u12"}"#, json!({"a": r"it\'s \x \u12"})),
            (br#"["\ud83d\ude00", "\u00e9"]"#, json!(["\u{1f600}", "é"])),
            ("\"한\"".as_bytes(), json!("한")),
            (br#"{"a": -1, "b": [0]}"#, json!({"a": -1, "b": [0]})),
        ];
        for (bytes, expected) in table {
            assert_eq!(parse(bytes), Some(expected));
        }
    }

    #[test]
    fn marks_halves_of_characters() {
        let halves = |json: &[u8]| {
            let text = parse(json).unwrap().as_str().unwrap().to_owned();
            text.chars().filter_map(half).collect::<Vec<_>>()
        };
        assert_eq!(halves(br#""so \ud83d""#), [Half::Unit(0xD83D)]);
        assert_eq!(halves(br#""\ude00!""#), [Half::Unit(0xDE00)]);
        assert_eq!(halves(br#""\ud83d\u0041""#), [Half::Unit(0xD83D)]);
        assert_eq!(
            halves(b"\"a\xF0\x9F\""),
            [Half::Byte(0xF0), Half::Byte(0x9F)]
        );
        assert_eq!(halves("\"한\"".as_bytes()), []);
    }

    #[test]
    fn finds_values_one_after_another() {
        assert_eq!(parse_all(br#"{"a":1}{"b":2} {"c":3}"#).unwrap().len(), 3);
        assert_eq!(parse_all(b"{\"a\":1}\n{\"b\""), None);
        assert_eq!(parse_all(b"<html>"), None);
    }

    proptest! {
        #[test]
        fn changes_nothing_of_what_is_whole(text in ".{0,40}", number: f64) {
            let value = json!({"text": text, "number": number});
            let bytes = serde_json::to_vec(&value).unwrap();
            prop_assert_eq!(mended(&bytes), bytes);
        }

        #[test]
        fn never_breaks_on_garbage(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            mended(&bytes);
        }
    }
}
