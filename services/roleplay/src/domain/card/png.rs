//! PNG and APNG as a list of chunks: enough to read and replace a card without decoding pixels.

use std::collections::{HashMap, HashSet};

use super::{CardError, Warning};

/// Longest side of a picture that is kept, in pixels: a larger one is scaled down to it.
pub const MAX_DIMENSION: u32 = 4096;
/// Longest side of a picture that is taken, in pixels.
pub const MAX_SOURCE_DIMENSION: u32 = 16_384;
/// Largest text of a card in a picture, in bytes, before and after it is unpacked.
pub const MAX_TEXT_CHUNK_BYTES: usize = 2 * 1024 * 1024;
/// Most chunks in one file.
const MAX_CHUNKS: usize = 65_536;
/// What the keyword of an asset begins with; its path stands behind a colon.
pub(super) const ASSET_PREFIX: &str = "chara-ext-asset_";
/// Most damaged chunks that a person is told of.
const MOST_TOLD: usize = 5;
const CARD_KEYWORDS: [&str; 2] = ["chara", "ccv3"];

pub(super) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

pub(super) struct Chunk<'a> {
    pub(super) kind: [u8; 4],
    pub(super) data: &'a [u8],
    /// Whether its checksum is right; always so for chunks without which there is no picture.
    pub(super) is_sound: bool,
}

impl<'a> Chunk<'a> {
    /// Keyword and value of a text chunk of any kind; what follows the keyword is left as it is.
    pub(super) fn text(&self) -> Option<(&'a [u8], &'a [u8])> {
        if !matches!(&self.kind, b"tEXt" | b"zTXt" | b"iTXt") {
            return None;
        }
        let end = memchr::memchr(0, self.data)?;
        Some((&self.data[..end], &self.data[end + 1..]))
    }

    /// The card keyword of a text chunk of any kind, in lower case.
    pub(super) fn card_keyword(&self) -> Option<&'static str> {
        let (keyword, _) = self.text()?;
        CARD_KEYWORDS
            .into_iter()
            .find(|known| keyword.eq_ignore_ascii_case(known.as_bytes()))
    }

    /// The path and the base64 of an asset.
    fn asset(&self) -> Option<(&'a str, &'a [u8])> {
        let (keyword, text) = self.text().filter(|_| self.kind == *b"tEXt")?;
        let path = keyword.strip_prefix(ASSET_PREFIX.as_bytes())?;
        // Older exports of RisuAI have no colon there.
        let path = path.strip_prefix(b":").unwrap_or(path);
        Some((std::str::from_utf8(path).ok()?, text))
    }

    /// Its kind, to be shown.
    pub(super) fn name(&self) -> String {
        self.kind.escape_ascii().to_string()
    }
}

/// A PNG whose structure is right, and whose checksums are where they matter.
pub(super) struct Png<'a> {
    pub(super) chunks: Vec<Chunk<'a>>,
    pub(super) trailing_bytes: usize,
}

impl<'a> Png<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, CardError> {
        let mut rest = bytes
            .strip_prefix(&SIGNATURE)
            .ok_or(CardError::UnknownFormat)?;
        let mut chunks = Vec::new();
        loop {
            let (chunk, behind) = read_chunk(rest)?;
            rest = behind;
            if chunks.is_empty() {
                check_header(&chunk)?;
            }
            let last = chunk.kind == *b"IEND";
            chunks.push(chunk);
            if last {
                return Ok(Self {
                    chunks,
                    trailing_bytes: rest.len(),
                });
            }
            if chunks.len() >= MAX_CHUNKS {
                return Err(CardError::TooManyChunks { max: MAX_CHUNKS });
            }
        }
    }

    /// What is wrong with it, though it can be read.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let is_damaged = |chunk: &&Chunk<'_>| !chunk.is_sound && chunk.card_keyword().is_none();
        for chunk in self.chunks.iter().filter(is_damaged).take(MOST_TOLD) {
            let kind = chunk.name();
            warnings.push(Warning::DamagedChunk { kind });
        }
        for keyword in CARD_KEYWORDS {
            let chunks = self.chunks.iter();
            if chunks
                .filter(|chunk| chunk.card_keyword() == Some(keyword))
                .nth(1)
                .is_some()
            {
                warnings.push(Warning::DuplicateChunk { keyword });
            }
        }
        if self.trailing_bytes > 0 {
            let size_bytes = self.trailing_bytes;
            warnings.push(Warning::TrailingBytes { size_bytes });
        }
        warnings
    }

    /// Whether it has text under this keyword.
    pub(super) fn has_text(&self, keyword: &[u8]) -> bool {
        let mut texts = self.chunks.iter().filter_map(Chunk::text);
        texts.any(|(found, _)| found == keyword)
    }

    /// The assets that RisuAI and V3 put into chunks, by their paths; of several of one path the first.
    pub(super) fn assets(&self) -> HashMap<&'a str, &'a [u8]> {
        let mut assets = HashMap::new();
        for chunk in self.chunks.iter().filter(|chunk| chunk.is_sound) {
            if let Some((path, text)) = chunk.asset() {
                assets.entry(path).or_insert(text);
            }
        }
        assets
    }

    /// The same picture with these texts (keyword, text) in the place of any card that it had, without what is damaged in it.
    pub(super) fn with_texts(&self, texts: &[(String, String)]) -> Vec<u8> {
        self.written(|_| true, texts)
    }

    /// The picture alone: without cards, and without the assets of these paths.
    pub(super) fn bare(&self, taken: &HashSet<&str>) -> Vec<u8> {
        let is_left =
            |chunk: &Chunk<'_>| chunk.asset().is_none_or(|(path, _)| !taken.contains(path));
        self.written(is_left, &[])
    }

    fn written(&self, is_kept: impl Fn(&Chunk<'_>) -> bool, texts: &[(String, String)]) -> Vec<u8> {
        let mut out = SIGNATURE.to_vec();
        let chunks = self.chunks.iter();
        let chunks = chunks.filter(|chunk| chunk.is_sound && chunk.card_keyword().is_none());
        for chunk in chunks.filter(|chunk| is_kept(chunk)) {
            if chunk.kind == *b"IEND" {
                for (keyword, text) in texts {
                    let parts = [keyword.as_bytes(), b"\0", text.as_bytes()];
                    push_chunk(&mut out, *b"tEXt", &parts);
                }
            }
            push_chunk(&mut out, chunk.kind, &[chunk.data]);
        }
        out
    }
}

/// A picture without cards and assets in it, if it is a PNG; other formats are left as they are.
///
/// # Errors
/// The PNG is damaged.
pub fn picture_alone(file: Vec<u8>) -> Result<Vec<u8>, CardError> {
    match file.starts_with(&SIGNATURE) {
        true => Ok(Png::read(&file)?.written(|chunk| chunk.asset().is_none(), &[])),
        false => Ok(file),
    }
}

/// Appends a chunk made of these parts, with its length and checksum.
pub(super) fn push_chunk(out: &mut Vec<u8>, kind: [u8; 4], parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut crc = crc32fast::Hasher::new();
    crc.update(&kind);
    // Every caller is bounded by the caps on files and documents, far below 4 GiB.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&kind);
    for part in parts {
        crc.update(part);
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&crc.finalize().to_be_bytes());
}

fn read_chunk(bytes: &[u8]) -> Result<(Chunk<'_>, &[u8]), CardError> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(CardError::Truncated)?;
    let (kind, rest) = rest.split_first_chunk::<4>().ok_or(CardError::Truncated)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| CardError::Truncated)?;
    let (data, rest) = rest.split_at_checked(length).ok_or(CardError::Truncated)?;
    let (stored, rest) = rest.split_first_chunk::<4>().ok_or(CardError::Truncated)?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(kind);
    crc.update(data);
    let chunk = Chunk {
        kind: *kind,
        data,
        is_sound: crc.finalize() == u32::from_be_bytes(*stored),
    };
    // A small first letter marks what a picture can be shown without.
    if !chunk.is_sound && !kind[0].is_ascii_lowercase() {
        let kind = chunk.name();
        return Err(CardError::BadCrc { kind });
    }
    Ok((chunk, rest))
}

fn check_header(chunk: &Chunk<'_>) -> Result<(), CardError> {
    let (width, rest) = chunk
        .data
        .split_first_chunk::<4>()
        .ok_or(CardError::BadHeader)?;
    let (height, rest) = rest.split_first_chunk::<4>().ok_or(CardError::BadHeader)?;
    let (width, height) = (u32::from_be_bytes(*width), u32::from_be_bytes(*height));
    if chunk.kind != *b"IHDR" || rest.len() != 5 || width == 0 || height == 0 {
        return Err(CardError::BadHeader);
    }
    if width.max(height) > MAX_SOURCE_DIMENSION {
        return Err(CardError::DimensionsTooLarge {
            width,
            height,
            max: MAX_DIMENSION,
        });
    }
    Ok(())
}
