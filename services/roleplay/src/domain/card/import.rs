//! Reads a card from the bytes of a file, whatever program wrote it.

use serde_json::{Map, Value};

use super::{
    AssetName, Assets, Card, CardError, Warning, carried, charx, encoded, exif, jpeg,
    layout::Layout,
    native,
    patch::check_size,
    png::{self, MAX_TEXT_CHUNK_BYTES, Png},
    scan::scan,
    stranger, text_chunk, webp,
};
use crate::domain::name;

/// Largest file taken, in bytes.
pub const MAX_FILE_BYTES: usize = 16 * 1024 * 1024;
/// Largest card document, in bytes of JSON: what fits one text chunk as base64.
pub const MAX_DOCUMENT_BYTES: usize = MAX_TEXT_CHUNK_BYTES / 4 * 3;
/// Where NovelAI keeps a lorebook in a picture.
const NOVEL_AI: &[u8] = b"naidata";

/// What a file held.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The card.
    pub card: Card,
    /// The picture as the file has it, a PNG, JPEG or WebP. A PNG has no card in it any more; its other chunks are kept.
    pub picture: Option<Vec<u8>>,
    /// The assets that the file has.
    pub assets: Assets,
    /// What the person should be told.
    pub warnings: Vec<Warning>,
}

impl Card {
    /// Reads a card from a PNG, APNG, WebP, JPEG, CHARX or JSON file, by looking at its first bytes.
    ///
    /// # Errors
    /// The file is no card, or is damaged or hostile; see [`CardError`].
    pub fn import(bytes: &[u8]) -> Result<Imported, CardError> {
        Self::import_named(bytes, None)
    }

    /// As [`import`](Self::import), with a name for a card that has none.
    ///
    /// # Errors
    /// As [`import`](Self::import).
    pub fn import_named(bytes: &[u8], name: Option<&str>) -> Result<Imported, CardError> {
        if bytes.len() > MAX_FILE_BYTES {
            let size_bytes = bytes.len();
            return Err(CardError::FileTooLarge {
                size_bytes,
                max_bytes: MAX_FILE_BYTES,
            });
        }
        if bytes.starts_with(&png::SIGNATURE) {
            return from_png(bytes, name);
        }
        if bytes.starts_with(&jpeg::SIGNATURE) {
            let charx = charx::import(bytes, Some(bytes), name)?;
            return charx.map_or_else(|| from_photograph(bytes, &jpeg::exif(bytes), name), Ok);
        }
        if webp::is_webp(bytes) {
            let exif = webp::exif(bytes).unwrap_or_default();
            return from_photograph(bytes, exif, name);
        }
        if !encoded::is_text(bytes)
            && let Some(charx) = charx::import(bytes, None, name)?
        {
            return Ok(charx);
        }
        let mut warnings = Vec::new();
        let card = read_json(bytes, &mut warnings)?.named(name)?;
        let assets = charx::collect(card.asset_names(), |_| Ok(None), &mut warnings)?;
        Ok(Imported {
            card,
            picture: None,
            assets,
            warnings,
        })
    }

    /// Reads a card from JSON.
    ///
    /// # Errors
    /// As [`Card::import`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, CardError> {
        read_json(bytes, &mut Vec::new())?.named(None)
    }

    /// Reads a card that was imported before, as [`Card::document`] gave it.
    ///
    /// # Errors
    /// As [`Card::import`].
    pub fn from_document(json: &str) -> Result<Self, CardError> {
        let document = parse(checked(json.as_bytes())?, &mut Vec::new())?;
        let layout = Layout::detect(&document, &mut Vec::new()).ok_or(CardError::NotACard {
            found: stranger::UNKNOWN,
        })?;
        Self { document, layout }.named(None)
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

    /// The card, with this name if it has none.
    pub(super) fn named(mut self, name: Option<&str>) -> Result<Self, CardError> {
        if !self.has_no_name() {
            return Ok(self);
        }
        let name = name.filter(|it| !name::is_blank(it));
        self.set_name(name.ok_or(CardError::EmptyName)?);
        Ok(self)
    }
}

fn from_png(bytes: &[u8], name: Option<&str>) -> Result<Imported, CardError> {
    let png = Png::read(bytes)?;
    let mut warnings = png.warnings();
    let cards = ["ccv3", "chara"].into_iter().flat_map(|keyword| {
        let chunks = png.chunks.iter();
        let chunks = chunks.filter(move |chunk| chunk.card_keyword() == Some(keyword));
        chunks.map(move |chunk| (keyword, text_chunk::text(chunk)))
    });
    let exif = png.chunks.iter().filter(|chunk| chunk.kind == *b"eXIf");
    let exif = exif.flat_map(|chunk| exif::cards(chunk.data));
    let card = carried::newest_good(cards.chain(exif), name, &mut warnings)?;
    let card = card.ok_or_else(|| match png.has_text(NOVEL_AI) {
        true => CardError::NotACard {
            found: stranger::NOVEL_AI_LOREBOOK,
        },
        false => CardError::NoCardInPicture,
    })?;
    let chunks = png.assets();
    let read = |asset: &AssetName| {
        let text = asset.chunk().and_then(|path| chunks.get(path));
        text.map(|text| encoded::base64(text)).transpose()
    };
    let assets = charx::collect(card.asset_names(), read, &mut warnings)?;
    let taken = assets.assets.iter().filter_map(|asset| asset.name.chunk());
    let picture = png.bare(&taken.collect());
    Ok(Imported {
        card,
        picture: Some(picture),
        assets,
        warnings,
    })
}

/// From a picture whose EXIF data may have a card.
fn from_photograph(bytes: &[u8], exif: &[u8], name: Option<&str>) -> Result<Imported, CardError> {
    let mut warnings = Vec::new();
    let card = carried::newest_good(exif::cards(exif).into_iter(), name, &mut warnings)?;
    Ok(Imported {
        card: card.ok_or(CardError::NoCardInPicture)?,
        picture: Some(bytes.to_vec()),
        assets: Assets::default(),
        warnings,
    })
}

/// A card of JSON, which may have no name.
pub(super) fn read_json(bytes: &[u8], warnings: &mut Vec<Warning>) -> Result<Card, CardError> {
    let text = checked(bytes)?;
    let document = parse(text, warnings).map_err(|error| stranger::instead_of(error, text))?;
    let document = native::as_card(stranger::refuse(document)?, warnings);
    let layout = Layout::detect(&document, warnings).ok_or_else(|| CardError::NotACard {
        found: stranger::name(&document),
    })?;
    let mut card = Card { document, layout };
    if card.take_name_from_root() {
        warnings.push(Warning::NameAtRoot);
    }
    warnings.extend(card.odd_types());
    Ok(card)
}

/// The text of an object, which hasn't more than a card may have.
fn checked(bytes: &[u8]) -> Result<&str, CardError> {
    if encoded::is_utf16(bytes) {
        return Err(CardError::Utf16);
    }
    let bytes = encoded::unmarked(bytes);
    match bytes.first() {
        Some(b'{') => {}
        Some(b'[') => {
            return Err(CardError::NotACard {
                found: "it is a list",
            });
        }
        Some(_) => return Err(stranger::format(bytes)),
        None => return Err(CardError::Empty),
    }
    check_size(bytes.len())?;
    if bytes.contains(&0) {
        return Err(CardError::Nul);
    }
    std::str::from_utf8(bytes).map_err(|_| CardError::InvalidUtf8)
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
