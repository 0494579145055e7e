//! Reads a card from the bytes of a file, whatever program wrote it.

use serde_json::{Map, Value};

use super::{
    Card, CardError, Warning,
    layout::Layout,
    png::{self, MAX_TEXT_CHUNK_BYTES, Png},
    scan::scan,
    text_chunk,
};

/// Largest file taken, in bytes.
pub const MAX_FILE_BYTES: usize = 16 * 1024 * 1024;
/// Largest card document, in bytes of JSON: what fits one text chunk as base64.
pub const MAX_DOCUMENT_BYTES: usize = MAX_TEXT_CHUNK_BYTES / 4 * 3;
const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";

/// What a file held.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The card.
    pub card: Card,
    /// The picture without the card in it; every other chunk, assets included, is kept.
    pub avatar_png: Option<Vec<u8>>,
    /// What the person should be told.
    pub warnings: Vec<Warning>,
}

impl Card {
    /// Reads a card from a PNG, APNG or JSON file, by looking at its first bytes.
    ///
    /// # Errors
    /// The file is no card, or is damaged or hostile; see [`CardError`].
    pub fn import(bytes: &[u8]) -> Result<Imported, CardError> {
        if bytes.len() > MAX_FILE_BYTES {
            let size_bytes = bytes.len();
            return Err(CardError::FileTooLarge {
                size_bytes,
                max_bytes: MAX_FILE_BYTES,
            });
        }
        let mut warnings = Vec::new();
        if !bytes.starts_with(&png::SIGNATURE) {
            let card = read_json(bytes, &mut warnings)?;
            return Ok(Imported {
                card,
                avatar_png: None,
                warnings,
            });
        }
        let png = Png::read(bytes)?;
        if png.trailing_bytes > 0 {
            warnings.push(Warning::TrailingBytes {
                size_bytes: png.trailing_bytes,
            });
        }
        let json = text_chunk::card_json(&png, &mut warnings)?;
        let card = read_json(&json, &mut warnings)?;
        Ok(Imported {
            card,
            avatar_png: Some(png.with_cards(&[])),
            warnings,
        })
    }

    /// Reads a card from JSON.
    ///
    /// # Errors
    /// As [`Card::import`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, CardError> {
        read_json(bytes, &mut Vec::new())
    }

    /// Reads a card from a PNG or APNG.
    ///
    /// # Errors
    /// As [`Card::import`].
    pub fn from_png(bytes: &[u8]) -> Result<Self, CardError> {
        if !bytes.starts_with(&png::SIGNATURE) {
            return Err(CardError::UnknownFormat);
        }
        Self::import(bytes).map(|imported| imported.card)
    }
}

fn read_json(bytes: &[u8], warnings: &mut Vec<Warning>) -> Result<Card, CardError> {
    let bytes = bytes.strip_prefix(UTF8_BOM).unwrap_or(bytes).trim_ascii();
    match bytes.first() {
        Some(b'{') => {}
        Some(b'[') => {
            return Err(CardError::NotACard {
                found: "it is a list",
            });
        }
        Some(_) => return Err(CardError::UnknownFormat),
        None => return Err(CardError::Empty),
    }
    if bytes.len() > MAX_DOCUMENT_BYTES {
        let size_bytes = bytes.len();
        return Err(CardError::DocumentTooLarge {
            size_bytes,
            max_bytes: MAX_DOCUMENT_BYTES,
        });
    }
    if bytes.contains(&0) {
        return Err(CardError::Nul);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| CardError::InvalidUtf8)?;
    let document = parse(text, warnings)?;
    let layout = Layout::detect(&document, warnings)?;
    let card = Card { document, layout };
    if card.has_no_name() {
        return Err(CardError::EmptyName);
    }
    warnings.extend(card.odd_types());
    Ok(card)
}

fn parse(text: &str, warnings: &mut Vec<Warning>) -> Result<Map<String, Value>, CardError> {
    let found = scan(text)?;
    if found.rounded_numbers > 0 {
        warnings.push(Warning::RoundedNumbers {
            count: found.rounded_numbers,
        });
    }
    let mut repaired = String::new();
    let mut json = text;
    if !found.lone_surrogates.is_empty() {
        warnings.push(Warning::BrokenCharacters {
            count: found.lone_surrogates.len(),
        });
        repaired.push_str(text);
        for digits in found.lone_surrogates {
            repaired.replace_range(digits..digits + 4, "fffd");
        }
        json = &repaired;
    }
    serde_json::from_str(json).map_err(|error| CardError::BadJson {
        line: error.line(),
        column: error.column(),
    })
}
