//! PNG and APNG as a list of chunks: enough to read and replace a card without decoding pixels.

use super::CardError;

/// Longest side of a picture, in pixels.
pub const MAX_DIMENSION: u32 = 4096;
/// Largest text chunk, in bytes; assets embedded by V3 cards are exempt.
pub const MAX_TEXT_CHUNK_BYTES: usize = 2 * 1024 * 1024;
/// Most chunks in one file.
const MAX_CHUNKS: usize = 65_536;
const ASSET_PREFIX: &[u8] = b"chara-ext-asset_";
const CARD_KEYWORDS: [&str; 2] = ["chara", "ccv3"];

pub(super) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

pub(super) struct Chunk<'a> {
    pub(super) kind: [u8; 4],
    pub(super) data: &'a [u8],
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
}

/// A PNG whose structure and checksums are right.
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
            check_text_size(&chunk)?;
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

    /// The same picture with these cards (keyword, text) in the place of any that it had.
    pub(super) fn with_cards(&self, cards: &[(&str, &str)]) -> Vec<u8> {
        let mut out = SIGNATURE.to_vec();
        for chunk in self
            .chunks
            .iter()
            .filter(|chunk| chunk.card_keyword().is_none())
        {
            if chunk.kind == *b"IEND" {
                for (keyword, text) in cards {
                    push_chunk(
                        &mut out,
                        *b"tEXt",
                        &[keyword.as_bytes(), b"\0", text.as_bytes()],
                    );
                }
            }
            push_chunk(&mut out, chunk.kind, &[chunk.data]);
        }
        out
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
    if crc.finalize() != u32::from_be_bytes(*stored) {
        return Err(CardError::BadCrc {
            kind: kind.escape_ascii().to_string(),
        });
    }
    Ok((Chunk { kind: *kind, data }, rest))
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
    if width.max(height) > MAX_DIMENSION {
        return Err(CardError::DimensionsTooLarge {
            width,
            height,
            max: MAX_DIMENSION,
        });
    }
    Ok(())
}

fn check_text_size(chunk: &Chunk<'_>) -> Result<(), CardError> {
    let size_bytes = chunk.data.len();
    let is_text = chunk
        .text()
        .is_some_and(|(keyword, _)| !keyword.starts_with(ASSET_PREFIX));
    if is_text && size_bytes > MAX_TEXT_CHUNK_BYTES {
        return Err(CardError::ChunkTooLarge {
            size_bytes,
            max_bytes: MAX_TEXT_CHUNK_BYTES,
        });
    }
    Ok(())
}
