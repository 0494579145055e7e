//! What a picture carries a card as: base64 of every kind, JSON as it is, or a list of byte values.

use std::borrow::Cow;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{CardError, Warning};

/// Writers differ on padding, and some leave bits behind the last byte.
const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
/// How a card starts that RisuAI encrypted.
const RISU_ENCRYPTED: &[u8] = b"rcc||";

/// The JSON that a text stands for.
pub(super) fn json<'a>(
    text: &'a [u8],
    warnings: &mut Vec<Warning>,
) -> Result<Cow<'a, [u8]>, CardError> {
    let text = ended(unmarked(text));
    if text.is_empty() {
        return Err(CardError::EmptyCard);
    }
    if text.starts_with(b"{") || is_utf16(text) {
        warnings.push(Warning::RawText);
        return Ok(raw(text));
    }
    let json = match text.starts_with(RISU_ENCRYPTED) {
        true => return Err(CardError::Encrypted),
        false => byte_values(text).map_or_else(|| base64(text), Ok)?,
    };
    if json.starts_with(RISU_ENCRYPTED) {
        return Err(CardError::Encrypted);
    }
    Ok(Cow::Owned(json))
}

/// The text without the zero bytes that some writers end it with.
fn ended(text: &[u8]) -> &[u8] {
    match text.iter().rposition(|byte| *byte != 0) {
        Some(last) if !is_utf16(text) => text[..=last].trim_ascii_end(),
        Some(_) => text,
        None => &[],
    }
}

/// JSON as it stands in a picture. What isn't UTF-8 is Latin-1, which PNG says of its texts.
fn raw(text: &[u8]) -> Cow<'_, [u8]> {
    if is_utf16(text) || std::str::from_utf8(text).is_ok() {
        return Cow::Borrowed(text);
    }
    let latin: String = text.iter().copied().map(char::from).collect();
    Cow::Owned(latin.into_bytes())
}

/// Whether a text begins as one of those that [`json`] reads. Other comments of pictures have nothing to do with cards.
pub(super) fn looks_like_a_card(text: &[u8]) -> bool {
    let text = unmarked(text);
    // Base64 of `{"`, of a brace before a line break or a tab, and of a byte order mark.
    ["{", "ey", "ew", "77u/", "77u_", "123,", "rcc||"]
        .iter()
        .any(|start| text.starts_with(start.as_bytes()))
}

/// The text without a byte order mark and without blanks around it.
pub(super) fn unmarked(text: &[u8]) -> &[u8] {
    text.strip_prefix(UTF8_BOM).unwrap_or(text).trim_ascii()
}

/// Base64, also of the alphabet that is safe in addresses, and with white space in it.
pub(super) fn base64(text: &[u8]) -> Result<Vec<u8>, CardError> {
    let packed: Vec<u8> = text
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => *byte,
        })
        .collect();
    LENIENT_BASE64
        .decode(packed)
        .map_err(|_| CardError::BadBase64)
}

/// Whether JSON is in UTF-16, with a byte order mark or without one.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    [&b"\xff\xfe"[..], b"\xfe\xff", b"{\0", b"\0{"]
        .iter()
        .any(|start| bytes.starts_with(start))
}

/// Whether a file begins as JSON does, in whatever encoding.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let first = unmarked(bytes).first();
    matches!(first, Some(b'{' | b'[') | None) || is_utf16(bytes)
}

/// The bytes of a list such as `123,34,110`, as early WebP cards have it.
fn byte_values(text: &[u8]) -> Option<Vec<u8>> {
    if !text.contains(&b',') {
        return None;
    }
    let values = text.split(|byte| *byte == b',');
    values
        .map(|value| std::str::from_utf8(value).ok()?.trim().parse().ok())
        .collect()
}
