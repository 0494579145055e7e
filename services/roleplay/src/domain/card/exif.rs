//! Cards in the EXIF data of WebP, JPEG and PNG pictures: TIFF, read no further than the comments that cards are in.

use std::borrow::Cow;

use super::carried::Carried;
use super::{CardError, encoded};

const IMAGE_DESCRIPTION: u16 = 0x010e;
const USER_COMMENT: u16 = 0x9286;
const EXIF_DIRECTORY: u16 = 0x8769;
/// Most entries of a directory that are looked at.
const MAX_ENTRIES: usize = 512;
/// How a user comment says in what it is written.
const MARKS: [&[u8; 8]; 3] = [b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"\0\0\0\0\0\0\0\0"];
const UNICODE: &[u8; 8] = b"UNICODE\0";

/// The comments of EXIF data, with or without its `Exif` header. Those that are empty or are no cards are left out.
pub(super) fn cards(data: &[u8]) -> Vec<Carried<'_>> {
    let data = data.strip_prefix(b"Exif\0\0").unwrap_or(data);
    let Some(tiff) = Tiff::read(data) else {
        return Vec::new();
    };
    let first = tiff.offset(4).map_or_else(Vec::new, |at| tiff.entries(at));
    let nested = first.iter().filter(|entry| entry.tag == EXIF_DIRECTORY);
    let nested = nested.filter_map(|entry| tiff.entries_at(entry));
    let mut comments: Vec<Entry> = nested.flatten().collect();
    comments.extend(first);
    comments.retain(|entry| matches!(entry.tag, USER_COMMENT | IMAGE_DESCRIPTION));
    comments.sort_by_key(|entry| entry.tag != USER_COMMENT);
    let texts = comments.iter().filter_map(|entry| tiff.value(entry));
    texts
        .map(|value| tiff.text(value))
        .filter(|text| encoded::looks_like_a_card(text))
        .map(|text| ("EXIF", Ok::<_, CardError>(text)))
        .collect()
}

struct Tiff<'a> {
    data: &'a [u8],
    is_little_endian: bool,
}

struct Entry {
    tag: u16,
    size_bytes: usize,
    /// Where its value stands, or the offset of its value.
    at: usize,
}

impl<'a> Tiff<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let is_little_endian = match data.get(..4)? {
            b"II\x2a\0" => true,
            b"MM\0\x2a" => false,
            _ => return None,
        };
        Some(Self {
            data,
            is_little_endian,
        })
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.data.get(at..)?.first_chunk::<2>()?;
        Some(match self.is_little_endian {
            true => u16::from_le_bytes(bytes),
            false => u16::from_be_bytes(bytes),
        })
    }

    fn offset(&self, at: usize) -> Option<usize> {
        let bytes = *self.data.get(at..)?.first_chunk::<4>()?;
        let value = match self.is_little_endian {
            true => u32::from_le_bytes(bytes),
            false => u32::from_be_bytes(bytes),
        };
        usize::try_from(value).ok()
    }

    fn entries_at(&self, pointer: &Entry) -> Option<Vec<Entry>> {
        Some(self.entries(self.offset(pointer.at)?))
    }

    fn entries(&self, directory: usize) -> Vec<Entry> {
        let count = usize::from(self.short(directory).unwrap_or(0)).min(MAX_ENTRIES);
        let starts = (0..count).map(|index| directory + 2 + index * 12);
        starts.filter_map(|at| self.entry(at)).collect()
    }

    fn entry(&self, at: usize) -> Option<Entry> {
        let unit = match self.short(at + 2)? {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        Some(Entry {
            tag: self.short(at)?,
            size_bytes: self.offset(at + 4)?.checked_mul(unit)?,
            at: at + 8,
        })
    }

    fn value(&self, entry: &Entry) -> Option<&'a [u8]> {
        let at = match entry.size_bytes {
            0..=4 => entry.at,
            _ => self.offset(entry.at)?,
        };
        self.data.get(at..at.checked_add(entry.size_bytes)?)
    }

    /// A comment without the mark of its encoding and without the zeros behind it, as UTF-8.
    fn text(&self, value: &'a [u8]) -> Cow<'a, [u8]> {
        if let Some(text) = value.strip_prefix(UNICODE) {
            return Cow::Owned(self.utf16(text).into_bytes());
        }
        let marks = MARKS.iter();
        let text = marks.fold(value, |text, mark| {
            text.strip_prefix(mark.as_slice()).unwrap_or(text)
        });
        let end = text.iter().rposition(|byte| *byte != 0);
        Cow::Borrowed(&text[..end.map_or(0, |last| last + 1)])
    }

    /// UTF-16 in the order of the file, unless its mark says another. Some write UTF-8 all the same.
    fn utf16(&self, text: &[u8]) -> String {
        if !text.contains(&0) {
            return String::from_utf8_lossy(text).into_owned();
        }
        let (is_little_endian, text) = match text {
            [0xff, 0xfe, rest @ ..] => (true, rest),
            [0xfe, 0xff, rest @ ..] => (false, rest),
            // A card begins with a letter of ASCII, whatever order the file claims to have.
            [0, _, ..] => (false, text),
            [_, 0, ..] => (true, text),
            _ => (self.is_little_endian, text),
        };
        let units = text
            .as_chunks::<2>()
            .0
            .iter()
            .map(|pair| match is_little_endian {
                true => u16::from_le_bytes(*pair),
                false => u16::from_be_bytes(*pair),
            });
        let text: String = char::decode_utf16(units)
            .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        text.trim_end_matches('\0').to_owned()
    }
}
