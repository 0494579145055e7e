//! Percent-decoding of path segments and query parts.

use std::borrow::Cow;

/// Decodes a captured part of a path. With `keep_slashes`, `%2F` stays as it was sent, so that a variable over several
/// segments can be split again. A plus sign is data.
///
/// Fails on an escape that isn't two hexadecimal digits, and where the result isn't UTF-8.
pub(crate) fn decode(raw: &str, keep_slashes: bool) -> Result<Cow<'_, str>, &'static str> {
    if !raw.contains('%') {
        return Ok(Cow::Borrowed(raw));
    }
    unescape(raw, keep_slashes, false)
}

/// Decodes a key or value of a query, where a plus sign means a space.
///
/// Fails like [`decode`].
pub(crate) fn decode_query(raw: &str) -> Result<Cow<'_, str>, &'static str> {
    if !raw.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Ok(Cow::Borrowed(raw));
    }
    unescape(raw, false, true)
}

fn unescape(
    raw: &str,
    keep_slashes: bool,
    plus_is_space: bool,
) -> Result<Cow<'_, str>, &'static str> {
    let bytes = raw.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let value = escape_value(bytes.get(at + 1..at + 3))?;
                if value == b'/' && keep_slashes {
                    decoded.extend_from_slice(&bytes[at..at + 3]);
                } else {
                    decoded.push(value);
                }
                at += 3;
                continue;
            }
            b'+' if plus_is_space => decoded.push(b' '),
            other => decoded.push(other),
        }
        at += 1;
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| "is not UTF-8 once percent-decoded")
}

fn escape_value(digits: Option<&[u8]>) -> Result<u8, &'static str> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    match digits {
        Some(&[high, low]) => match (value(high), value(low)) {
            (Some(high), Some(low)) => Ok((high * 16 + low) as u8),
            _ => Err("has a percent sign that two hexadecimal digits don't follow"),
        },
        _ => Err("has a percent sign that two hexadecimal digits don't follow"),
    }
}
