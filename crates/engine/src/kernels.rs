//! The two products that nearly all time goes into: few rows (generation) and many rows (prompts), in 32-bit floats.
//!
//! Weights are decoded in passing. With few rows each weight row is decoded once and multiplied as it comes, which is bound by
//! memory; with many rows, 16 weight rows at a time are decoded into a panel that stays in the cache. `pulp` picks the vector
//! instructions at run time, so one executable runs on every processor. A row's result depends on nothing but that row:
//! what else is computed with it changes no bit of it.

use pulp::{Simd, WithSimd};

use super::quants::{Format, PART};

/// Weight rows in a panel.
pub(super) const PANEL: usize = 16;
/// Columns of a panel that are multiplied with every row before the next: as many as stay in the innermost cache.
const BLOCK: usize = 256;

/// Multiplies some weight rows with `R` activation rows: `out[weight row][activation row]`.
pub(super) struct FewRows<'a, F, const R: usize> {
    pub(super) format: std::marker::PhantomData<F>,
    pub(super) weights: &'a [u8],
    pub(super) columns: usize,
    pub(super) activations: &'a [f32],
    pub(super) out: &'a mut [f32],
}

impl<F: Format, const R: usize> WithSimd for FewRows<'_, F, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows: [&[f32]; R] =
            std::array::from_fn(|row| &self.activations[row * self.columns..][..self.columns]);
        let weights = F::blocks(self.weights).chunks_exact(self.columns / F::WEIGHTS);
        for (weights, out) in weights.zip(self.out.as_chunks_mut::<R>().0) {
            let mut sums = [[simd.splat_f32s(0.0); 4]; R];
            for (index, block) in weights.iter().enumerate() {
                for part in 0..F::WEIGHTS / PART {
                    let decoded = F::decode(block, part);
                    let (decoded, _) = S::as_simd_f32s(&decoded);
                    let at = index * F::WEIGHTS + part * PART;
                    for (sum, row) in sums.iter_mut().zip(rows) {
                        let (row, _) = S::as_simd_f32s(&row[at..at + PART]);
                        for (lane, (weight, value)) in decoded.iter().zip(row).enumerate() {
                            sum[lane % 4] = simd.mul_add_f32s(*weight, *value, sum[lane % 4]);
                        }
                    }
                }
            }
            for (out, [a, b, c, d]) in out.iter_mut().zip(sums) {
                let sum = simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d));
                *out = simd.reduce_sum_f32s(sum);
            }
        }
    }
}

/// Decodes up to [`PANEL`] weight rows into `panel`, column after column.
pub(super) struct Pack<'a, F> {
    pub(super) format: std::marker::PhantomData<F>,
    pub(super) weights: &'a [u8],
    pub(super) columns: usize,
    pub(super) panel: &'a mut [f32],
}

impl<F: Format> WithSimd for Pack<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let (parts, blocks) = (F::WEIGHTS / PART, F::blocks(self.weights));
        for (index, panel) in self
            .panel
            .as_chunks_mut::<{ PANEL * PART }>()
            .0
            .iter_mut()
            .enumerate()
        {
            let mut decoded = [[0.0; PART]; PANEL];
            for (row, decoded) in blocks
                .chunks_exact(self.columns / F::WEIGHTS)
                .zip(&mut decoded)
            {
                *decoded = F::decode(&row[index / parts], index % parts);
            }
            for (column, panel) in panel.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
                for (value, decoded) in panel.iter_mut().zip(&decoded) {
                    *value = decoded[column];
                }
            }
        }
    }
}

/// Multiplies a panel with any number of activation rows: `out[row]` gets [`PANEL`] results.
pub(super) struct ManyRows<'a> {
    /// `[column][PANEL]`
    pub(super) panel: &'a [f32],
    /// How far apart the activation rows begin.
    pub(super) stride: usize,
    pub(super) activations: &'a [f32],
    pub(super) out: &'a mut [f32],
}

impl WithSimd for ManyRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.tiles::<S, 1>(simd),
            8 => self.tiles::<S, 2>(simd),
            4 => self.tiles::<S, 4>(simd),
            _ => self.tiles::<S, PANEL>(simd),
        }
    }
}

impl ManyRows<'_> {
    /// `V` vectors make a panel's width.
    #[inline(always)]
    fn tiles<S: Simd, const V: usize>(self, simd: S) {
        let (panel, _) = S::as_simd_f32s(self.panel);
        let (panel, _) = panel.as_chunks::<V>();
        let (out, _) = S::as_mut_simd_f32s(self.out);
        let (out, _) = out.as_chunks_mut::<V>();
        out.fill([simd.splat_f32s(0.0); V]);
        for (block, panel) in panel.chunks(BLOCK).enumerate() {
            let mut row = 0;
            while row < out.len() {
                let activations = &self.activations[row * self.stride + block * BLOCK..];
                let out = &mut out[row..];
                row += match out.len() {
                    6.. => tile::<S, V, 6>(simd, panel, activations, self.stride, out),
                    4.. => tile::<S, V, 4>(simd, panel, activations, self.stride, out),
                    2.. => tile::<S, V, 2>(simd, panel, activations, self.stride, out),
                    _ => tile::<S, V, 1>(simd, panel, activations, self.stride, out),
                };
            }
        }
    }
}

/// Adds the products of `M` rows to their sums, held in registers throughout; returns `M`.
#[inline(always)]
fn tile<S: Simd, const V: usize, const M: usize>(
    simd: S,
    panel: &[[S::f32s; V]],
    activations: &[f32],
    stride: usize,
    out: &mut [[S::f32s; V]],
) -> usize {
    let rows: [&[f32]; M] = std::array::from_fn(|row| &activations[row * stride..][..panel.len()]);
    let mut sums = [[simd.splat_f32s(0.0); V]; M];
    sums.copy_from_slice(&out[..M]);
    for (column, weights) in panel.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(rows) {
            let value = simd.splat_f32s(row[column]);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_f32s(value, *weight, *sum);
            }
        }
    }
    out[..M].copy_from_slice(&sums);
    M
}

/// The inner product of two rows of equal length.
pub(super) struct Dot<'a>(pub(super) &'a [f32], pub(super) &'a [f32]);

impl WithSimd for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (left, left_rest) = S::as_simd_f32s(self.0);
        let (right, right_rest) = S::as_simd_f32s(self.1);
        let mut sums = [simd.splat_f32s(0.0); 4];
        for (index, (left, right)) in left.iter().zip(right).enumerate() {
            sums[index % 4] = simd.mul_add_f32s(*left, *right, sums[index % 4]);
        }
        let sum = simd.add_f32s(
            simd.add_f32s(sums[0], sums[1]),
            simd.add_f32s(sums[2], sums[3]),
        );
        let rest: f32 = left_rest
            .iter()
            .zip(right_rest)
            .map(|(left, right)| left * right)
            .sum();
        simd.reduce_sum_f32s(sum) + rest
    }
}
