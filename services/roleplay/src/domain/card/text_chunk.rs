//! The text of a PNG's chunk: plain (`tEXt`), compressed (`zTXt`), or either (`iTXt`).

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::ZlibDecoder;

use super::CardError;
use super::png::{Chunk, MAX_TEXT_CHUNK_BYTES};

/// The text behind the keyword. What it is unpacked to is bounded as plain text is.
pub(super) fn text<'a>(chunk: &Chunk<'a>) -> Result<Cow<'a, [u8]>, CardError> {
    if !chunk.is_sound {
        let kind = chunk.name();
        return Err(CardError::BadCrc { kind });
    }
    let size_bytes = chunk.data.len();
    if size_bytes > MAX_TEXT_CHUNK_BYTES {
        return Err(CardError::ChunkTooLarge {
            size_bytes,
            max_bytes: MAX_TEXT_CHUNK_BYTES,
        });
    }
    let (_, value) = chunk.text().ok_or(CardError::Truncated)?;
    match &chunk.kind {
        b"zTXt" => {
            let (method, packed) = value.split_first().ok_or(CardError::Truncated)?;
            unpacked(*method, packed, chunk)
        }
        b"iTXt" => international(chunk, value),
        _ => Ok(Cow::Borrowed(value)),
    }
}

/// Flag, method, language, translated keyword, text.
fn international<'a>(chunk: &Chunk<'a>, value: &'a [u8]) -> Result<Cow<'a, [u8]>, CardError> {
    let (head, rest) = value.split_at_checked(2).ok_or(CardError::Truncated)?;
    let rest = after_nul(after_nul(rest)?)?;
    match head {
        [0, _] => Ok(Cow::Borrowed(rest)),
        [_, method] => unpacked(*method, rest, chunk),
        _ => Err(CardError::Truncated),
    }
}

/// Method 0 is zlib's, and the only one.
fn unpacked<'a>(method: u8, packed: &[u8], chunk: &Chunk<'a>) -> Result<Cow<'a, [u8]>, CardError> {
    let bad = || CardError::BadCompression { kind: chunk.name() };
    if method != 0 {
        return Err(bad());
    }
    let mut text = Vec::new();
    let most = MAX_TEXT_CHUNK_BYTES as u64 + 1;
    let read = ZlibDecoder::new(packed).take(most).read_to_end(&mut text);
    if text.len() > MAX_TEXT_CHUNK_BYTES {
        return Err(CardError::UnpackedTooLarge {
            max_bytes: MAX_TEXT_CHUNK_BYTES,
        });
    }
    read.map_err(|_| bad())?;
    Ok(Cow::Owned(text))
}

fn after_nul(bytes: &[u8]) -> Result<&[u8], CardError> {
    let end = memchr::memchr(0, bytes).ok_or(CardError::Truncated)?;
    Ok(&bytes[end + 1..])
}
