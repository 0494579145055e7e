//! The picture of a card that came without one: a plain portrait, made in code.

use super::png::{SIGNATURE, push_chunk};

const WIDTH: u32 = 256;
const HEIGHT: u32 = 384;
/// Two colours, top and bottom: 24-bit RGB.
const PALETTE: [u8; 6] = [0x4b, 0x5a, 0x78, 0x35, 0x40, 0x59];

/// A 256 x 384 PNG of 1 bit a pixel, about 13 KB, whose lower third is darker.
pub(super) fn blank_png() -> Vec<u8> {
    let mut header = Vec::with_capacity(13);
    header.extend_from_slice(&WIDTH.to_be_bytes());
    header.extend_from_slice(&HEIGHT.to_be_bytes());
    // 1 bit a pixel, palette, deflate, adaptive filters, not interlaced.
    header.extend_from_slice(&[1, 3, 0, 0, 0]);
    let mut out = SIGNATURE.to_vec();
    push_chunk(&mut out, *b"IHDR", &[&header]);
    push_chunk(&mut out, *b"PLTE", &[&PALETTE]);
    push_chunk(&mut out, *b"IDAT", &[&stored_zlib(&pixels())]);
    push_chunk(&mut out, *b"IEND", &[]);
    out
}

/// Rows of a filter byte (none) and packed pixels.
fn pixels() -> Vec<u8> {
    let mut rows = Vec::new();
    for row in 0..HEIGHT {
        let eight_pixels = if row * 3 >= HEIGHT * 2 { 0xff } else { 0x00 };
        rows.push(0);
        rows.extend((0..WIDTH / 8).map(|_| eight_pixels));
    }
    rows
}

/// A zlib stream of one stored block: `data` must be shorter than 64 KiB.
fn stored_zlib(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let mut out = vec![0x78, 0x01, 0x01];
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(&adler32(data).to_be_bytes());
    out
}

fn adler32(data: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in data {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    (high << 16) | low
}
