//! Scales a picture down by a whole number: each block of pixels becomes their mean.

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use png::ColorType;

use super::{Pixels, Unusable};
use crate::infrastructure::pixels;

/// Rows of the result that are made at once.
const ROWS_AT_ONCE: usize = 64;

/// A picture that is scaled down while its rows come in.
pub(super) struct Shrink {
    source_width: u32,
    factor: u32,
    row_bytes: usize,
    /// The rows that came and aren't in the result yet.
    band: Vec<u8>,
    kind: PixelType,
    resizer: Resizer,
    result: Pixels,
}

impl Shrink {
    /// For a picture of this size, of which so many pixels of a side become one.
    pub(super) fn new(width: u32, height: u32, color: ColorType, factor: u32) -> Self {
        Self {
            source_width: width,
            factor,
            row_bytes: width as usize * color.samples(),
            band: Vec::new(),
            kind: pixels::kind(color),
            resizer: Resizer::new(),
            result: Pixels {
                width: width.div_ceil(factor),
                height: height.div_ceil(factor),
                color,
                bytes: Vec::new(),
            },
        }
    }

    /// A whole picture at once.
    pub(super) fn whole(pixels: &Pixels, factor: u32) -> Result<Pixels, Unusable> {
        let mut shrink = Self::new(pixels.width, pixels.height, pixels.color, factor);
        for row in pixels.bytes.chunks_exact(shrink.row_bytes) {
            shrink.push(row)?;
        }
        shrink.finish()
    }

    /// The next row from above.
    pub(super) fn push(&mut self, row: &[u8]) -> Result<(), Unusable> {
        let row = row.get(..self.row_bytes).unwrap_or(row);
        if self.factor == 1 {
            self.result.bytes.extend_from_slice(row);
            return Ok(());
        }
        self.band.extend_from_slice(row);
        match self.band.len() == self.row_bytes * self.factor as usize * ROWS_AT_ONCE {
            true => self.end_band(),
            false => Ok(()),
        }
    }

    /// The picture of all rows that came.
    pub(super) fn finish(mut self) -> Result<Pixels, Unusable> {
        if !self.band.is_empty() {
            self.end_band()?;
        }
        Ok(self.result)
    }

    fn end_band(&mut self) -> Result<(), Unusable> {
        let rows = u32::try_from(self.band.len() / self.row_bytes).unwrap_or(u32::MAX);
        let band = std::mem::take(&mut self.band);
        let source = Image::from_vec_u8(self.source_width, rows, band, self.kind);
        let source = source.map_err(super::damaged)?;
        let made = rows.div_ceil(self.factor);
        let mut scaled = Image::new(self.result.width, made, self.kind);
        // A filter that looks no further than its block, so that no band shows its edge.
        let options = ResizeOptions::new();
        let options = options.resize_alg(ResizeAlg::Convolution(FilterType::Box));
        let resized = self.resizer.resize(&source, &mut scaled, &options);
        resized.map_err(super::damaged)?;
        self.result.bytes.extend_from_slice(scaled.buffer());
        self.band = source.into_vec();
        self.band.clear();
        Ok(())
    }
}
