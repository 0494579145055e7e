//! Pixels of pictures, and the way in which every PNG is read.

use std::io::Cursor;

use fast_image_resize::PixelType;
use png::{ColorType, Decoder, DecodingError, Limits, Reader, Transformations};

/// What a decoder may take beside the pixels.
const MOST_OVERHEAD_BYTES: usize = 32 << 20;

/// Rows of pixels of 8 bits a channel.
pub(super) struct Pixels {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) color: ColorType,
    pub(super) bytes: Vec<u8>,
}

/// Reads the head of a PNG. Its pixels will be of 8 bits a channel, palettes will be colours, and nothing of what stands beside the
/// pixels is read.
pub(super) fn open(png: &[u8]) -> Result<Reader<Cursor<&[u8]>>, DecodingError> {
    let limits = Limits {
        bytes: MOST_OVERHEAD_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(png), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.read_info()
}

impl Pixels {
    /// All pixels of a PNG, whose size the caller has found bearable.
    pub(super) fn read(mut reader: Reader<Cursor<&[u8]>>) -> Result<Self, DecodingError> {
        let size = reader.output_buffer_size();
        let mut bytes = vec![0; size.ok_or(DecodingError::LimitsExceeded)?];
        let frame = reader.next_frame(&mut bytes)?;
        Ok(Self {
            width: frame.width,
            height: frame.height,
            color: frame.color_type,
            bytes,
        })
    }
}

/// The kind of pixels as the scaler names it.
pub(super) fn kind(color: ColorType) -> PixelType {
    match color {
        ColorType::Grayscale => PixelType::U8,
        ColorType::GrayscaleAlpha => PixelType::U8x2,
        ColorType::Rgba => PixelType::U8x4,
        // Palettes are colours by now.
        ColorType::Rgb | ColorType::Indexed => PixelType::U8x3,
    }
}
