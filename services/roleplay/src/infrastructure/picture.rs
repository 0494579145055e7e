//! Pictures as characters have them: PNG of a bounded size, whatever the file had.

mod shrink;

use std::io::{BufReader, Cursor};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use png::{BitDepth, ColorType, Compression, Encoder};

use self::shrink::Shrink;
use super::pixels::{self, Pixels};
use crate::domain::card::{MAX_DIMENSION, MAX_SOURCE_DIMENSION};

/// Most pixels of a picture that must be in memory as a whole: about 160 MB.
const MOST_PIXELS: u64 = 40_000_000;
/// Most pixels of a picture that is read row by row: what a few seconds are enough for.
const MOST_ROW_BY_ROW: u64 = 150_000_000;
/// The largest file that is made of a picture: an export with it can be imported again.
const MOST_BYTES: usize = 12 << 20;
/// Of 100.
const JPEG_QUALITY: u8 = 90;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// It has more pixels than are scaled down.
    #[error("it has {width} x {height} pixels")]
    TooLarge {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// Its pixels aren't all there, or are in no format that is known.
    #[error("{0}")]
    Damaged(String),
}

/// A portrait, and whether it was scaled down.
#[derive(Debug)]
pub(crate) struct Portrait {
    /// A PNG of at most [`MAX_DIMENSION`] on each side.
    pub(crate) png: Vec<u8>,
    /// What it had before, if that was more.
    pub(crate) scaled_from: Option<(u32, u32)>,
}

/// Whether [`portrait`] has nothing to do but to pass the file on.
pub(crate) fn is_portrait(file: &[u8]) -> bool {
    png_size(file).is_some_and(|(width, height)| width.max(height) <= MAX_DIMENSION)
}

/// What is wrong with the pixels of a PNG, if anything is. It is read row by row.
pub(crate) fn damage(png: &[u8]) -> Option<String> {
    let read = || {
        let mut reader = pixels::open(png)?;
        while reader.next_row()?.is_some() {}
        Ok::<_, png::DecodingError>(())
    };
    read().err().map(|error| error.to_string())
}

/// A portrait from a PNG, JPEG or WebP. A PNG that is small enough stays as it is, all its chunks included. Others take up to about
/// 400 MB of memory meanwhile, so make one at a time.
pub(crate) fn portrait(file: Vec<u8>) -> Result<Portrait, Unusable> {
    if is_portrait(&file) {
        return Ok(Portrait {
            png: file,
            scaled_from: None,
        });
    }
    let (original, mut pixels) = match png_size(&file) {
        Some(size) => (size, scaled_png(&file)?),
        None => {
            let decoded = decoded(&file)?;
            ((decoded.width, decoded.height), fitting(decoded)?)
        }
    };
    drop(file);
    let mut png = encoded(&pixels)?;
    while png.len() > MOST_BYTES {
        pixels = Shrink::whole(&pixels, 2)?;
        png = encoded(&pixels)?;
    }
    let is_scaled = (pixels.width, pixels.height) != original;
    Ok(Portrait {
        png,
        scaled_from: is_scaled.then_some(original),
    })
}

/// As [`portrait`], of a picture that has all its pixels.
pub(crate) fn whole_portrait(file: Vec<u8>) -> Result<Portrait, Unusable> {
    match is_portrait(&file).then(|| damage(&file)).flatten() {
        Some(problem) => Err(Unusable::Damaged(problem)),
        None => portrait(file),
    }
}

/// A portrait as JPEG, on white where it lets light through.
pub(crate) fn jpeg(png: &[u8]) -> Result<Vec<u8>, Unusable> {
    let pixels = scaled_png(png)?;
    let rgb = on_white(&pixels);
    let mut out = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
    let kind = image::ExtendedColorType::Rgb8;
    let written = encoder.encode(&rgb, pixels.width, pixels.height, kind);
    written.map_err(damaged)?;
    Ok(out)
}

/// Width and height that a PNG says.
fn png_size(file: &[u8]) -> Option<(u32, u32)> {
    let rest = file.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..)?;
    let (width, rest) = rest.split_first_chunk::<4>()?;
    let (height, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

/// A PNG's pixels, row by row, so that only the result is in memory. Of an interlaced one all pixels are.
fn scaled_png(file: &[u8]) -> Result<Pixels, Unusable> {
    let mut reader = pixels::open(file).map_err(damaged)?;
    let (width, height) = reader.info().size();
    let is_interlaced = reader.info().interlaced;
    let most = if is_interlaced {
        MOST_PIXELS
    } else {
        MOST_ROW_BY_ROW
    };
    if is_too_large(width, height, most) {
        return Err(Unusable::TooLarge { width, height });
    }
    if is_interlaced {
        return fitting(Pixels::read(reader).map_err(damaged)?);
    }
    let (color, _) = reader.output_color_type();
    let mut shrink = Shrink::new(width, height, color, factor(width, height));
    for _ in 0..height {
        let row = reader.next_row().map_err(damaged)?;
        let row = row.ok_or_else(|| Unusable::Damaged("it ends early".to_owned()))?;
        shrink.push(row.data())?;
    }
    shrink.finish()
}

/// A JPEG's or WebP's pixels, the right side up.
fn decoded(file: &[u8]) -> Result<Pixels, Unusable> {
    let reader = ImageReader::new(BufReader::new(Cursor::new(file)));
    let reader = reader.with_guessed_format().map_err(damaged)?;
    if !matches!(reader.format(), Some(ImageFormat::Jpeg | ImageFormat::WebP)) {
        return Err(Unusable::Damaged("it is no PNG, JPEG or WebP".to_owned()));
    }
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if is_too_large(width, height, MOST_PIXELS) {
        return Err(Unusable::TooLarge { width, height });
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width(), picture.height());
    let (color, bytes) = match picture.color() {
        color if color.has_alpha() => (ColorType::Rgba, picture.into_rgba8().into_raw()),
        color if color.has_color() => (ColorType::Rgb, picture.into_rgb8().into_raw()),
        _ => (ColorType::Grayscale, picture.into_luma8().into_raw()),
    };
    Ok(Pixels {
        width,
        height,
        color,
        bytes,
    })
}

fn is_too_large(width: u32, height: u32, most_pixels: u64) -> bool {
    let pixels = u64::from(width) * u64::from(height);
    width.max(height) > MAX_SOURCE_DIMENSION || pixels > most_pixels
}

fn fitting(pixels: Pixels) -> Result<Pixels, Unusable> {
    match factor(pixels.width, pixels.height) {
        1 => Ok(pixels),
        factor => Shrink::whole(&pixels, factor),
    }
}

/// How many pixels of a side become one.
fn factor(width: u32, height: u32) -> u32 {
    width.max(height).div_ceil(MAX_DIMENSION).max(1)
}

fn encoded(pixels: &Pixels) -> Result<Vec<u8>, Unusable> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, pixels.width, pixels.height);
    encoder.set_color(pixels.color);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Balanced);
    let mut writer = encoder.write_header().map_err(damaged)?;
    writer.write_image_data(&pixels.bytes).map_err(damaged)?;
    writer.finish().map_err(damaged)?;
    Ok(out)
}

fn on_white(pixels: &Pixels) -> Vec<u8> {
    let samples = pixels.color.samples();
    let mut rgb = Vec::with_capacity(pixels.bytes.len() / samples * 3);
    for pixel in pixels.bytes.chunks_exact(samples) {
        let (colors, alpha) = match *pixel {
            [grey] => ([grey; 3], 255),
            [grey, alpha] => ([grey; 3], alpha),
            [red, green, blue] => ([red, green, blue], 255),
            [red, green, blue, alpha, ..] => ([red, green, blue], alpha),
            [] => continue,
        };
        rgb.extend(colors.map(|color| {
            let mixed = u32::from(color) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
            u8::try_from(mixed / 255).unwrap_or(u8::MAX)
        }));
    }
    rgb
}

fn damaged(error: impl std::error::Error) -> Unusable {
    Unusable::Damaged(error.to_string())
}

#[cfg(test)]
mod tests;
