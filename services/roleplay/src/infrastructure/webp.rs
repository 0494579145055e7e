//! Pictures in sizes: a PNG in, WebP out, without anything that a file says beside its pixels.

use fast_image_resize::Resizer;
use fast_image_resize::images::Image;
use png::ColorType;
use webp::{Encoder, PixelLayout};

use super::pixels::{self, Pixels};
use crate::domain::avatar::AvatarSize;
use crate::domain::card::MAX_DIMENSION;

/// Of 100: what is lost is hard to see.
const QUALITY: f32 = 82.0;
/// Pixels of a picture that is written in both ways, of which the shorter is taken: that costs some milliseconds.
const SMALL: u32 = 512 * 512;

/// Why there is no picture to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The file's pixels are damaged, or aren't all there.
    #[error("{0}")]
    Png(#[from] png::DecodingError),
    /// There are too many.
    #[error("it has {0} x {1} pixels, and {MAX_DIMENSION} on each side are the most")]
    TooLarge(u32, u32),
    /// They can't be scaled or written.
    #[error("{0}")]
    Other(String),
}

/// A picture in a size. A large one takes about 200 MiB of memory meanwhile, so make one at a time.
pub(crate) fn sized(png: &[u8], size: AvatarSize) -> Result<Vec<u8>, Unreadable> {
    let reader = pixels::open(png)?;
    let (width, height) = reader.info().size();
    if width.max(height) > MAX_DIMENSION {
        return Err(Unreadable::TooLarge(width, height));
    }
    let pixels = scaled(Pixels::read(reader)?, size)?;
    let webp = encoded(&pixels, false)?;
    let is_small = pixels.width * pixels.height <= SMALL;
    // Of drawings with few colours and edges, what is lost costs more than it saves.
    if (pixels.width, pixels.height) == (width, height) && is_small {
        let lossless = encoded(&pixels, true)?;
        return Ok(if lossless.len() < webp.len() {
            lossless
        } else {
            webp
        });
    }
    Ok(webp)
}

fn scaled(pixels: Pixels, size: AvatarSize) -> Result<Pixels, Unreadable> {
    let (width, height) = size.fit(pixels.width, pixels.height);
    if (width, height) == (pixels.width, pixels.height) {
        return Ok(pixels);
    }
    let kind = pixels::kind(pixels.color);
    let source = Image::from_vec_u8(pixels.width, pixels.height, pixels.bytes, kind);
    let source = source.map_err(|error| Unreadable::Other(error.to_string()))?;
    let mut scaled = Image::new(width, height, kind);
    let result = Resizer::new().resize(&source, &mut scaled, None);
    result.map_err(|error| Unreadable::Other(error.to_string()))?;
    Ok(Pixels {
        width,
        height,
        color: pixels.color,
        bytes: scaled.into_vec(),
    })
}

fn encoded(pixels: &Pixels, is_lossless: bool) -> Result<Vec<u8>, Unreadable> {
    let grey: Vec<u8>;
    let (layout, bytes) = match pixels.color {
        ColorType::Grayscale => {
            grey = pixels.bytes.iter().flat_map(|&it| [it, it, it]).collect();
            (PixelLayout::Rgb, &grey)
        }
        ColorType::GrayscaleAlpha => {
            let pairs = pixels.bytes.chunks_exact(2);
            grey = pairs
                .flat_map(|pair| [pair[0], pair[0], pair[0], pair[1]])
                .collect();
            (PixelLayout::Rgba, &grey)
        }
        ColorType::Rgba => (PixelLayout::Rgba, &pixels.bytes),
        ColorType::Rgb | ColorType::Indexed => (PixelLayout::Rgb, &pixels.bytes),
    };
    let encoder = Encoder::new(bytes, layout, pixels.width, pixels.height);
    let encoded = encoder.encode_simple(is_lossless, QUALITY);
    let encoded = encoded.map_err(|error| Unreadable::Other(format!("{error:?}")))?;
    Ok(encoded.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, color: ColorType, pixel: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().unwrap();
        let count = (width * height) as usize;
        writer.write_image_data(&pixel.repeat(count)).unwrap();
        drop(writer);
        file
    }

    /// Width, height and the first pixel, of red, green, blue and perhaps alpha.
    fn shown(webp: &[u8]) -> (u32, u32, Vec<u8>) {
        let picture = webp::Decoder::new(webp).decode().unwrap();
        let channels = if picture.is_alpha() { 4 } else { 3 };
        (
            picture.width(),
            picture.height(),
            picture[..channels].to_vec(),
        )
    }

    #[test]
    fn a_picture_is_made_in_three_sizes_and_looks_as_it_did() {
        let file = png(900, 600, ColorType::Rgb, &[200, 40, 90]);
        let of = AvatarSize::ALL.map(|size| (size, shown(&sized(&file, size).unwrap())));
        let pixels: Vec<_> = of.iter().map(|(size, it)| (*size, it.0, it.1)).collect();
        assert_eq!(
            pixels,
            [
                (AvatarSize::Full, 900, 600),
                (AvatarSize::Card, 768, 512),
                (AvatarSize::Thumbnail, 256, 171)
            ]
        );
        for (_, (_, _, pixel)) in of {
            let far = pixel.iter().zip([200, 40, 90]);
            let far = far
                .map(|(seen, wanted): (_, u8)| seen.abs_diff(wanted))
                .max();
            assert!(far.unwrap() < 6, "{pixel:?}");
        }
    }

    #[test]
    fn a_tiny_picture_stays_tiny_and_as_it_is() {
        for (width, height, color, pixel) in [
            (1, 1, ColorType::Rgb, &[10, 20, 30][..]),
            (2, 3, ColorType::Grayscale, &[7]),
            (64, 64, ColorType::Rgba, &[200, 40, 90, 255]),
        ] {
            let file = png(width, height, color, pixel);
            for size in AvatarSize::ALL {
                let webp = sized(&file, size).unwrap();
                assert!(webp.len() <= file.len(), "{} {}", webp.len(), file.len());
                let (seen_width, seen_height, seen) = shown(&webp);
                assert_eq!((seen_width, seen_height), (width, height));
                assert_eq!(seen[0], pixel[0]);
            }
        }
    }

    #[test]
    fn every_kind_of_pixel_is_read() {
        for (color, pixel, expected) in [
            (ColorType::Grayscale, &[90][..], &[90, 90, 90][..]),
            (ColorType::GrayscaleAlpha, &[90, 0], &[0]),
            (ColorType::Rgba, &[10, 20, 30, 0], &[0]),
            (ColorType::Rgb, &[10, 20, 30], &[10, 20, 30]),
        ] {
            let webp = sized(&png(300, 3, color, pixel), AvatarSize::Thumbnail).unwrap();
            let (width, height, seen) = shown(&webp);
            assert_eq!((width, height), (256, 3), "{color:?}");
            // Of what can't be seen, only that counts.
            let seen = if seen.len() == 4 { &seen[3..] } else { &seen };
            let far = seen.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(
                seen.len() == expected.len() && far.unwrap() < 6,
                "{color:?} {seen:?}"
            );
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let whole = png(300, 300, ColorType::Rgb, &[1, 2, 3]);
        let mut damaged = whole.clone();
        // In the pixels, whose checksum zlib has; the chunk's own is what the import checks.
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0xff;
        let cut = whole[..whole.len() - 40].to_vec();
        for file in [Vec::new(), b"GIF89a".to_vec(), damaged, cut] {
            assert!(sized(&file, AvatarSize::Thumbnail).is_err());
        }
        let wide = png(MAX_DIMENSION + 1, 1, ColorType::Grayscale, &[0]);
        let wide = sized(&wide, AvatarSize::Thumbnail);
        assert!(matches!(wide, Err(Unreadable::TooLarge(4_097, 1))));
    }
}
