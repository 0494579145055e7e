//! JPEG as a list of segments: enough to find the EXIF data in it.

pub(super) const SIGNATURE: [u8; 3] = [0xff, 0xd8, 0xff];
const APP1: u8 = 0xe1;
/// What begins the pixels.
const START_OF_SCAN: u8 = 0xda;
const END: u8 = 0xd9;

/// What the segments of EXIF data hold, joined: a card may be longer than the 64 KiB of one. Ends where the file makes no sense.
pub(super) fn exif(bytes: &[u8]) -> Vec<u8> {
    let mut exif = Vec::new();
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let Some((kind, data, behind)) = segment(rest) {
        if kind == APP1
            && let Some(part) = data.strip_prefix(b"Exif\0\0")
        {
            exif.extend_from_slice(part);
        }
        rest = behind;
    }
    exif
}

/// A segment's kind, its data and what is behind it.
fn segment(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let after_mark = bytes.strip_prefix(b"\xff")?;
    // More of the same bytes only fill.
    let fill = after_mark.iter().take_while(|byte| **byte == 0xff).count();
    let (kind, rest) = after_mark[fill..].split_first()?;
    if matches!(*kind, START_OF_SCAN | END) {
        return None;
    }
    let (length, _) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (segment, behind) = rest.split_at_checked(length)?;
    Some((*kind, segment.get(2..)?, behind))
}
