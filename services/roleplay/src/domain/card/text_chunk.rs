//! Finds the card's JSON among the text chunks of a PNG.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{CardError, Warning, png::Png};

/// Writers differ on padding, and some leave bits behind the last byte.
const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// How a card starts that RisuAI encrypted.
const RISU_ENCRYPTED: &[u8] = b"rcc||";

/// The JSON of the card: `ccv3` before `chara`, and of several the first, as SillyTavern reads it.
pub(super) fn card_json(png: &Png<'_>, warnings: &mut Vec<Warning>) -> Result<Vec<u8>, CardError> {
    for keyword in ["ccv3", "chara"] {
        let mut texts = png
            .chunks
            .iter()
            .filter(|chunk| chunk.kind == *b"tEXt" && chunk.card_keyword() == Some(keyword))
            .filter_map(|chunk| chunk.text());
        if let Some((_, text)) = texts.next() {
            if texts.next().is_some() {
                warnings.push(Warning::DuplicateChunk { keyword });
            }
            return decode(text, warnings);
        }
    }
    match png
        .chunks
        .iter()
        .find(|chunk| chunk.card_keyword().is_some())
    {
        Some(chunk) if chunk.kind == *b"zTXt" => {
            Err(CardError::UnreadableTextChunk { kind: "zTXt" })
        }
        Some(_) => Err(CardError::UnreadableTextChunk { kind: "iTXt" }),
        None => Err(CardError::NoCardInPng),
    }
}

fn decode(text: &[u8], warnings: &mut Vec<Warning>) -> Result<Vec<u8>, CardError> {
    let text = text.trim_ascii();
    if text.starts_with(b"{") {
        warnings.push(Warning::RawText);
        return Ok(text.to_vec());
    }
    if text.starts_with(RISU_ENCRYPTED) {
        return Err(CardError::Encrypted);
    }
    let packed: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let json = LENIENT_BASE64
        .decode(packed)
        .map_err(|_| CardError::BadBase64)?;
    if json.starts_with(RISU_ENCRYPTED) {
        return Err(CardError::Encrypted);
    }
    Ok(json)
}
