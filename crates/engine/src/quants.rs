//! ggml's weight formats: how a block of bytes becomes numbers.
//!
//! A format decodes 32 weights at a time; all arithmetic is done elsewhere, once for all formats. Arrays are made
//! by [`array()`] in passes that each do one simple thing: only then does the compiler vectorise them.

/// How many weights are decoded at once.
pub(super) const PART: usize = 32;

/// One of ggml's weight formats.
pub(super) trait Format {
    /// Weights in a block, a multiple of [`PART`].
    const WEIGHTS: usize;
    /// Bytes in a block.
    const BYTES: usize;
    /// A block; its length is known when compiling, which the kernels' speed depends on.
    type Block;

    /// Cuts bytes into blocks.
    fn blocks(bytes: &[u8]) -> &[Self::Block];

    /// The `part`-th [`PART`] weights of `block`.
    fn decode(block: &Self::Block, part: usize) -> [f32; PART];
}

/// The formats by name, for choosing one at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

impl Kind {
    /// The format that ggml numbers so, if the engine has it.
    pub(super) const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::Bf16,
            _ => return None,
        })
    }
}

/// Runs `$body` with `$format` naming the type of the format that `$kind` is.
macro_rules! with_format {
    ($kind:expr, $format:ident => $body:expr) => {
        with_format!(@ $kind, $format, $body, F32 F16 Bf16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q4K Q5K Q6K)
    };
    (@ $kind:expr, $format:ident, $body:expr, $($name:ident)*) => {
        match $kind {
            $($crate::quants::Kind::$name => {
                type $format = $crate::quants::$name;
                $body
            })*
        }
    };
}
pub(super) use with_format;

/// A half-precision number. Infinities and NaN, which weights don't have, become large numbers.
///
/// Every block has one, so this is as hot as the products: integers serve all but the tiniest numbers, for which
/// processors are slow in floats.
#[inline(always)]
fn half(bytes: &[u8], at: usize) -> f32 {
    let bits = u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let sign = (bits & 0x8000) << 16;
    if bits & 0x7c00 == 0 {
        let magnitude = (bits & 0x3ff) as f32 * f32::from_bits(0x3380_0000);
        return f32::from_bits(magnitude.to_bits() | sign);
    }
    f32::from_bits((((bits & 0x7fff) << 13) + 0x3800_0000) | sign)
}

macro_rules! format {
    ($(#[$doc:meta])* $name:ident, $weights:literal weights in $bytes:literal bytes, $block:ident, $part:ident => $decode:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name;

        impl Format for $name {
            const WEIGHTS: usize = $weights;
            const BYTES: usize = $bytes;
            type Block = [u8; $bytes];

            #[inline(always)]
            fn blocks(bytes: &[u8]) -> &[Self::Block] {
                bytes.as_chunks().0
            }

            #[inline(always)]
            fn decode($block: &Self::Block, $part: usize) -> [f32; PART] {
                $decode
            }
        }
    };
}

format!(F32, 32 weights in 128 bytes, block, _part => {
    array(|i| f32::from_le_bytes([block[4 * i], block[4 * i + 1], block[4 * i + 2], block[4 * i + 3]]))
});

format!(F16, 32 weights in 64 bytes, block, _part => array(|i| half(block, 2 * i)));

format!(Bf16, 32 weights in 64 bytes, block, _part => {
    array(|i| f32::from_bits(u32::from(u16::from_le_bytes([block[2 * i], block[2 * i + 1]])) << 16))
});

format!(Q8_0, 32 weights in 34 bytes, block, _part => {
    let scale = half(block, 0);
    array(|i| scale * f32::from(block[2 + i] as i8))
});

format!(Q4_0, 32 weights in 18 bytes, block, _part => {
    let scale = half(block, 0);
    affine(nibbles(&block[2..]), scale, -8.0 * scale)
});

format!(Q4_1, 32 weights in 20 bytes, block, _part => {
    let (scale, least) = (half(block, 0), half(block, 2));
    affine(nibbles(&block[4..]), scale, least)
});

format!(Q5_0, 32 weights in 22 bytes, block, _part => {
    let scale = half(block, 0);
    affine(five_bits(&block[2..6], &block[6..]), scale, -16.0 * scale)
});

format!(Q5_1, 32 weights in 24 bytes, block, _part => {
    let (scale, least) = (half(block, 0), half(block, 2));
    affine(five_bits(&block[4..8], &block[8..]), scale, least)
});

format!(Q4K, 256 weights in 144 bytes, block, part => {
    let (scale, least) = scale_and_least(block, part);
    let (bytes, shift) = (&block[16 + part / 2 * 32..][..32], part % 2 * 4);
    array(|i| scale * f32::from(bytes[i] >> shift & 15) - least)
});

format!(Q5K, 256 weights in 176 bytes, block, part => {
    let (scale, least) = scale_and_least(block, part);
    let (high, low, shift) = (&block[16..48], &block[48 + part / 2 * 32..][..32], part % 2 * 4);
    array(|i| scale * f32::from((low[i] >> shift & 15) | (high[i] >> part & 1) << 4) - least)
});

format!(Q6K, 256 weights in 210 bytes, block, part => {
    let (half_block, quarter) = (part / 4, part % 4);
    let low = &block[half_block * 64 + quarter % 2 * 32..][..32];
    let high = &block[128 + half_block * 32..][..32];
    let scales = &block[192 + half_block * 8 + quarter * 2..][..2];
    let scale = half(block, 208);
    let scales = [scale * f32::from(scales[0] as i8), scale * f32::from(scales[1] as i8)];
    let (low_shift, high_shift) = (quarter / 2 * 4, quarter * 2);
    let whole: [f32; PART] =
        array(|i| f32::from(((low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4) as i8 - 32));
    array(|i| scales[i / 16] * whole[i])
});

/// What the standard library's `from_fn` does, but surely inlined, and so compiled for the processor at hand.
#[inline(always)]
fn array<T: Copy + Default, const N: usize>(element: impl Fn(usize) -> T) -> [T; N] {
    let mut array = [T::default(); N];
    for (index, place) in array.iter_mut().enumerate() {
        *place = element(index);
    }
    array
}

/// `scale * q + offset` for each.
#[inline(always)]
fn affine(q: [u8; PART], scale: f32, offset: f32) -> [f32; PART] {
    array(|i| scale * f32::from(q[i]) + offset)
}

/// 16 bytes of nibbles: the low ones are the first half.
#[inline(always)]
fn nibbles(bytes: &[u8]) -> [u8; PART] {
    let bytes = &bytes[..16];
    let mut nibbles = [0; PART];
    for (place, byte) in nibbles.iter_mut().zip(bytes) {
        *place = byte & 15;
    }
    for (place, byte) in nibbles[16..].iter_mut().zip(bytes) {
        *place = byte >> 4;
    }
    nibbles
}

/// Nibbles with a fifth bit each, kept apart in 32 bits.
#[inline(always)]
fn five_bits(fifth: &[u8], bytes: &[u8]) -> [u8; PART] {
    let (nibbles, fifth) = (nibbles(bytes), &fifth[..4]);
    let spread: [u8; PART] = array(|i| fifth[i / 8]);
    array(|i| nibbles[i] | if spread[i] & 1 << (i % 8) != 0 { 16 } else { 0 })
}

/// The scale and the least value of a part of a Q4_K or Q5_K block, unpacked from their 6 bits each.
#[inline(always)]
fn scale_and_least(block: &[u8], part: usize) -> (f32, f32) {
    let packed = &block[4..16];
    let (scale, least) = if part < 4 {
        (packed[part] & 63, packed[part + 4] & 63)
    } else {
        (
            (packed[part + 4] & 15) | packed[part - 4] >> 6 << 4,
            packed[part + 4] >> 4 | packed[part] >> 6 << 4,
        )
    };
    (
        half(block, 0) * f32::from(scale),
        half(block, 2) * f32::from(least),
    )
}

#[cfg(test)]
mod tests;
