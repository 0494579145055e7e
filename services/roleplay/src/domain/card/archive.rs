//! ZIP archives, read and written in memory. What an archive is unpacked to is bounded as a whole, and its paths are safe.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipArchiveWriter};

use super::CardError;

/// Most files of an archive.
pub(super) const MAX_FILES: usize = 4_096;
/// Most bytes that all files together are unpacked to.
pub(super) const MAX_UNPACKED_BYTES: usize = 64 * 1024 * 1024;
/// Longest path, in bytes.
const MAX_PATH_BYTES: usize = 512;

/// An archive whose list of files makes sense. A picture or a program may stand before it.
pub(super) struct Archive<'a> {
    zip: rawzip::ZipSliceArchive<&'a [u8]>,
    files: BTreeMap<String, Packed>,
    /// How many bytes may still be unpacked.
    room: usize,
}

#[derive(Clone, Copy)]
struct Packed {
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    is_encrypted: bool,
}

impl<'a> Archive<'a> {
    /// The archive at the end of these bytes; `None` if there is none.
    pub(super) fn find(bytes: &'a [u8]) -> Result<Option<Self>, CardError> {
        let Ok(zip) = ZipArchive::from_slice(bytes) else {
            return Ok(None);
        };
        let mut files = BTreeMap::new();
        let mut entries = zip.entries();
        while let Some(entry) = entries.next_entry().map_err(damaged)? {
            if entry.is_dir() {
                continue;
            }
            let path = path(entry.file_path().as_bytes())?;
            let packed = Packed {
                place: entry.wayfinder(),
                method: entry.compression_method(),
                is_encrypted: entry.flags().is_encrypted(),
            };
            if files.insert(path.clone(), packed).is_some() {
                return Err(CardError::DuplicatePath { path });
            }
            if files.len() > MAX_FILES {
                return Err(CardError::TooManyFiles { max: MAX_FILES });
            }
        }
        Ok(Some(Self {
            zip,
            files,
            room: MAX_UNPACKED_BYTES,
        }))
    }

    /// The paths of its files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// A file, if there is one at that path; at most `most` bytes.
    pub(super) fn read(&mut self, path: &str, most: usize) -> Result<Option<Vec<u8>>, CardError> {
        let Some(packed) = self.files.get(path).copied() else {
            return Ok(None);
        };
        if packed.is_encrypted {
            return Err(CardError::EncryptedArchive);
        }
        let most = most.min(self.room);
        let entry = self.zip.get_entry(packed.place).map_err(damaged)?;
        let content = match packed.method {
            CompressionMethod::STORE => content(entry.verifying_reader(entry.data()), most)?,
            CompressionMethod::DEFLATE => {
                let unpacked = DeflateDecoder::new(entry.data());
                content(entry.verifying_reader(unpacked), most)?
            }
            _ => return Err(damaged("it is packed in an unusual way")),
        };
        self.room -= content.len();
        Ok(Some(content))
    }
}

fn content(packed: impl Read, most: usize) -> Result<Vec<u8>, CardError> {
    let mut content = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = packed.take(limit).read_to_end(&mut content);
    if content.len() > most {
        return Err(CardError::UnpackedTooLarge { max_bytes: most });
    }
    read.map_err(damaged)?;
    Ok(content)
}

/// A path that leads nowhere but down.
fn path(bytes: &[u8]) -> Result<String, CardError> {
    let unsafe_path = || CardError::UnsafePath {
        path: String::from_utf8_lossy(bytes.get(..MAX_PATH_BYTES).unwrap_or(bytes))
            .escape_debug()
            .to_string(),
    };
    let path = std::str::from_utf8(bytes).map_err(|_| unsafe_path())?;
    match is_safe(path) {
        true => Ok(path.to_owned()),
        false => Err(unsafe_path()),
    }
}

/// Whether a path leads nowhere but down.
pub(super) fn is_safe(path: &str) -> bool {
    let is_odd = |letter: char| letter.is_control() || letter == '\\';
    path.len() <= MAX_PATH_BYTES
        && !path.contains(is_odd)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn damaged(error: impl ToString) -> CardError {
    CardError::DamagedArchive {
        problem: error.to_string(),
    }
}

/// An archive of these files (path, content). Text is packed; pictures are already.
pub(super) fn write<'f>(
    files: impl Iterator<Item = (&'f str, &'f [u8])>,
) -> Result<Vec<u8>, CardError> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (path, content) in files {
        write_file(&mut archive, path, content).map_err(damaged)?;
    }
    archive.finish().map_err(damaged)
}

fn write_file(
    archive: &mut ZipArchiveWriter<Vec<u8>>,
    path: &str,
    content: &[u8],
) -> Result<(), rawzip::Error> {
    let is_text = path.ends_with(".json");
    let file = archive.new_file(path);
    if is_text {
        let file = file.compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start()?;
        let encoder = DeflateEncoder::new(&mut entry, Compression::default());
        let mut writer = config.wrap(encoder);
        writer.write_all(content)?;
        let (encoder, descriptor) = writer.finish()?;
        encoder.finish()?;
        entry.finish(descriptor)?;
        return Ok(());
    }
    let file = file.compression_method(CompressionMethod::STORE);
    let (mut entry, config) = file.start()?;
    let mut writer = config.wrap(&mut entry);
    writer.write_all(content)?;
    let (_, descriptor) = writer.finish()?;
    entry.finish(descriptor)?;
    Ok(())
}
