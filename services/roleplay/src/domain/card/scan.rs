//! One pass over JSON text before it is parsed: bounds its nesting and its number of values, and
//! finds what the parser would refuse or change without a word.

use super::CardError;

/// Deepest nesting of lists and objects.
pub(super) const MAX_DEPTH: usize = 64;
/// Most values and keys in one document: bounds the memory of the parsed form.
pub(super) const MAX_VALUES: usize = 200_000;

/// What the pass found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Numbers that don't fit 64 bits or have more digits than a double keeps.
    pub(super) rounded_numbers: usize,
    /// Byte offsets of the four hex digits of unpaired surrogate escapes.
    pub(super) lone_surrogates: Vec<usize>,
}

pub(super) fn scan(text: &str) -> Result<Scan, CardError> {
    let bytes = text.as_bytes();
    let mut found = Scan::default();
    let (mut at, mut depth, mut values) = (0, 0_usize, 1_usize);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                values += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' | b':' => values += 1,
            b'"' => at = scan_string(bytes, at, &mut found)?,
            b'-' | b'0'..=b'9' => {
                let end = number_end(bytes, at);
                found.rounded_numbers += usize::from(is_rounded(&text[at - 1..end]));
                at = end;
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(CardError::TooDeep { max: MAX_DEPTH });
        }
        if values > MAX_VALUES {
            return Err(CardError::TooManyValues { max: MAX_VALUES });
        }
    }
    Ok(found)
}

/// Returns the offset behind the closing quote.
fn scan_string(bytes: &[u8], start: usize, found: &mut Scan) -> Result<usize, CardError> {
    let mut at = start;
    while let Some(offset) = memchr::memchr2(b'"', b'\\', &bytes[at..]) {
        at += offset;
        if bytes[at] == b'"' {
            return Ok(at + 1);
        }
        let Some(unit) = escaped_unit(bytes, at) else {
            at = (at + 2).min(bytes.len());
            continue;
        };
        let digits = at + 2;
        at += 6;
        match unit {
            0 => return Err(CardError::Nul),
            0xD800..=0xDBFF => match escaped_unit(bytes, at) {
                Some(0xDC00..=0xDFFF) => at += 6,
                _ => found.lone_surrogates.push(digits),
            },
            0xDC00..=0xDFFF => found.lone_surrogates.push(digits),
            _ => {}
        }
    }
    Ok(bytes.len())
}

/// The UTF-16 unit of a `\uXXXX` escape that starts here.
fn escaped_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let digits = escape
        .strip_prefix(b"\\u")
        .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let part_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    start
        + bytes[start..]
            .iter()
            .take_while(|byte| part_of_number(byte))
            .count()
}

fn is_rounded(literal: &str) -> bool {
    if literal.len() < 17 {
        return false;
    }
    if literal
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-')
    {
        return literal.parse::<u64>().is_err() && literal.parse::<i64>().is_err();
    }
    let mantissa = literal.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa
        .bytes()
        .filter(u8::is_ascii_digit)
        .skip_while(|digit| *digit == b'0');
    digits.count() > 17
}
