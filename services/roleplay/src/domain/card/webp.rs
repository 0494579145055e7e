//! WebP as a list of chunks: enough to find the EXIF data in it.

/// Whether a file is WebP, by how it begins.
pub(super) fn is_webp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")
}

/// The EXIF data, if there is any. Ends where the file makes no sense.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(12..)?;
    loop {
        let (kind, behind) = rest.split_first_chunk::<4>()?;
        let (length, behind) = behind.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        if kind == b"EXIF" {
            return behind.get(..length);
        }
        // Chunks begin at even places.
        rest = behind.get(length.checked_add(length % 2)?..)?;
    }
}
