//! Random weights in ggml's formats.

/// SplitMix64: the same numbers everywhere and for ever, which a library's generator doesn't promise.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: &str) -> Self {
        Self(
            seed.bytes()
                .fold(0, |seed, byte| seed * 31 + u64::from(byte)),
        )
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Evenly spread from `least` to `most`.
    pub(super) fn floats(&mut self, count: usize, least: f32, most: f32) -> Vec<f32> {
        let unit = |bits: u64| (bits >> 40) as f32 / (1 << 24) as f32;
        (0..count)
            .map(|_| least + unit(self.next()) * (most - least))
            .collect()
    }

    fn bytes(&mut self, count: usize, out: &mut Vec<u8>) {
        out.extend((0..count).map(|_| (self.next() >> 56) as u8));
    }

    /// `count` weights with a standard deviation of about `spread`: for block formats random blocks with fitting scales.
    pub(super) fn weights(&mut self, format: u32, count: usize, spread: f32) -> Vec<u8> {
        let mut out = Vec::new();
        let plain = |random: &mut Self| {
            let most = spread * 3_f32.sqrt();
            random.floats(count, -most, most)
        };
        match format {
            0 => out.extend(plain(self).iter().flat_map(|weight| weight.to_le_bytes())),
            1 => out.extend(plain(self).iter().flat_map(|weight| half(*weight))),
            30 => out.extend(
                plain(self)
                    .iter()
                    .flat_map(|weight| ((weight.to_bits() >> 16) as u16).to_le_bytes()),
            ),
            2 | 3 | 6 | 7 | 8 => {
                for _ in 0..count / 32 {
                    self.block_of_32(format, spread, &mut out);
                }
            }
            _ => {
                for _ in 0..count / 256 {
                    self.block_of_256(format, spread, &mut out);
                }
            }
        }
        out
    }

    /// Whole numbers of 4, 5 or 8 bits spread by 4.6, 9.2 or 74; their middle is the least value's negative.
    fn block_of_32(&mut self, format: u32, spread: f32, out: &mut Vec<u8>) {
        let (scale, middle, bytes) = match format {
            2 => (spread / 4.6, None, 16),
            3 => (spread / 4.6, Some(7.5), 16),
            6 => (spread / 9.2, None, 20),
            7 => (spread / 9.2, Some(15.5), 20),
            _ => (spread / 74.0, None, 32),
        };
        out.extend(half(scale));
        if let Some(middle) = middle {
            out.extend(half(-middle * scale));
        }
        self.bytes(bytes, out);
    }

    fn block_of_256(&mut self, format: u32, spread: f32, out: &mut Vec<u8>) {
        match format {
            12 => {
                out.extend(half(spread / 250.0));
                out.extend(half(spread / 250.0 * 7.5));
                self.bytes(12 + 128, out);
            }
            13 => {
                out.extend(half(spread / 500.0));
                out.extend(half(spread / 500.0 * 15.5));
                self.bytes(12 + 32 + 128, out);
            }
            14 => {
                self.bytes(128 + 64 + 16, out);
                out.extend(half(spread / 1370.0));
            }
            _ => panic!("no block of format {format}"),
        }
    }
}

/// A half-precision number's bytes; `value` must be in the range of its normal numbers.
fn half(value: f32) -> [u8; 2] {
    let bits = value.to_bits();
    let (sign, rest) = (bits >> 16 & 0x8000, bits & 0x7fff_ffff);
    let magnitude = (rest >> 13).saturating_sub(0x1c000);
    assert!(magnitude < 0x7c00, "{value} is too large");
    ((sign | magnitude) as u16).to_le_bytes()
}
