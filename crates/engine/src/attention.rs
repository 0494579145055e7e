//! Attention of new tokens over a sequence's cache.
//!
//! A single token reads keys and values as they lie. A stretch of a prompt goes through the panel kernel, in blocks of rows
//! that each see only their own part of the past.

use rayon::prelude::*;

use super::cache::LayerCache;
use super::kernels::{Dot, ManyRows, PANEL};
use super::matrix::Cpu;

/// Positions that one thread takes at a time.
const BLOCK: usize = 32;

/// How many heads of which width.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) query: usize,
    pub(super) key: usize,
    pub(super) width: usize,
}

impl Heads {
    pub(super) const fn query_width(self) -> usize {
        self.query * self.width
    }

    pub(super) const fn key_width(self) -> usize {
        self.key * self.width
    }

    const fn group(self) -> usize {
        self.query / self.key
    }
}

/// The queries of successive positions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a> {
    pub(super) rows: &'a [f32],
    /// Position of the first row.
    pub(super) first: usize,
    /// How many positions back a row sees, itself included.
    pub(super) sight: usize,
    /// Whether the row was generated, and isn't one of a prompt. Its sums come in another order, so that this may not depend on how a
    /// prompt was cut.
    pub(super) is_single: bool,
}

impl Query<'_> {
    /// The first position that the row at `position` sees.
    const fn horizon(&self, position: usize) -> usize {
        (position + 1).saturating_sub(self.sight)
    }
}

/// Attends every row of `query` over `cache`, which holds the rows' own keys and values already.
pub(super) fn attend(
    cpu: Cpu,
    heads: Heads,
    query: Query<'_>,
    cache: &LayerCache,
    out: &mut [f32],
) {
    if query.is_single {
        let head =
            |(index, out): (usize, &mut [f32])| one_head(cpu, heads, query, cache, index, out);
        out.par_chunks_exact_mut(heads.width)
            .enumerate()
            .for_each(head);
        return;
    }
    let width = BLOCK * heads.query_width();
    out.par_chunks_mut(width)
        .zip(query.rows.par_chunks(width))
        .enumerate()
        .for_each_init(Scratch::default, |scratch, (index, (out, rows))| {
            let block = Query {
                rows,
                first: query.first + index * BLOCK,
                ..query
            };
            for key_head in 0..heads.key {
                block_of_rows(cpu, heads, block, cache, key_head, scratch, out);
            }
        });
}

fn one_head(
    cpu: Cpu,
    heads: Heads,
    query: Query<'_>,
    cache: &LayerCache,
    head: usize,
    out: &mut [f32],
) {
    let row = &query.rows[head * heads.width..][..heads.width];
    let at = head / heads.group() * heads.width;
    let seen = query.horizon(query.first)..query.first + 1;
    let scale = 1.0 / (heads.width as f32).sqrt();
    let mut scratch = Vec::with_capacity(heads.width);
    let mut weights = Vec::with_capacity(seen.len());
    for position in seen.clone() {
        let start = position * heads.key_width() + at;
        let key = cache.keys.read(start, heads.width, &mut scratch);
        weights.push(scale * cpu.arch.dispatch(Dot(row, key)));
    }
    cpu.arch.dispatch(
        #[inline(always)]
        || softmax(&mut weights),
    );
    out.fill(0.0);
    cpu.arch.dispatch(
        #[inline(always)]
        || {
            for (position, weight) in seen.zip(&weights) {
                let start = position * heads.key_width() + at;
                let value = cache.values.read(start, heads.width, &mut scratch);
                for (out, value) in out.iter_mut().zip(value) {
                    *out += weight * value;
                }
            }
        },
    );
}

#[derive(Default)]
struct Scratch {
    query: Vec<f32>,
    panel: Vec<f32>,
    product: Vec<f32>,
    weights: Vec<f32>,
    /// A row of the cache, where it isn't kept as it is read.
    row: Vec<f32>,
}

/// All query heads that share `key_head`, for a block of successive positions.
fn block_of_rows(
    cpu: Cpu,
    heads: Heads,
    query: Query<'_>,
    cache: &LayerCache,
    key_head: usize,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let (width, group) = (heads.width, heads.group());
    let positions = query.rows.len() / heads.query_width();
    let (from, to) = (query.horizon(query.first), query.first + positions);
    let (rows, stride) = (positions * group, (to - from).next_multiple_of(PANEL));
    let at = key_head * width;
    let own = key_head * group * width..(key_head + 1) * group * width;
    let Scratch {
        query: queries,
        panel,
        product,
        weights,
        row: widened,
    } = scratch;

    queries.clear();
    for row in query.rows.chunks_exact(heads.query_width()) {
        queries.extend_from_slice(&row[own.clone()]);
    }
    product.resize(rows * PANEL, 0.0);
    weights.resize(rows * stride, 0.0);
    panel.resize(width * PANEL, 0.0);
    for first in (from..to).step_by(PANEL) {
        panel.fill(0.0);
        for (lane, position) in (first..to.min(first + PANEL)).enumerate() {
            let start = position * heads.key_width() + at;
            let key = cache.keys.read(start, width, widened);
            panel
                .as_chunks_mut::<PANEL>()
                .0
                .iter_mut()
                .zip(key)
                .for_each(|(column, value)| column[lane] = *value);
        }
        cpu.arch.dispatch(ManyRows {
            panel,
            stride: width,
            activations: queries,
            out: product,
        });
        for (weights, product) in weights
            .chunks_exact_mut(stride)
            .zip(product.as_chunks::<PANEL>().0)
        {
            weights[first - from..][..PANEL].copy_from_slice(product);
        }
    }

    let scale = 1.0 / (width as f32).sqrt();
    for (row, weights) in weights.chunks_exact_mut(stride).enumerate() {
        let position = query.first + row / group;
        let (begin, end) = (query.horizon(position) - from, position + 1 - from);
        weights[..begin].fill(0.0);
        weights[end..].fill(0.0);
        cpu.arch.dispatch(
            #[inline(always)]
            || {
                for weight in &mut weights[begin..end] {
                    *weight *= scale;
                }
                softmax(&mut weights[begin..end]);
            },
        );
    }

    panel.resize((to - from) * PANEL, 0.0);
    for column in (0..width).step_by(PANEL) {
        for (panel, position) in panel.as_chunks_mut::<PANEL>().0.iter_mut().zip(from..to) {
            let start = position * heads.key_width() + at + column;
            panel.copy_from_slice(cache.values.read(start, PANEL, widened));
        }
        cpu.arch.dispatch(ManyRows {
            panel,
            stride,
            activations: weights,
            out: product,
        });
        for (row, product) in product.as_chunks::<PANEL>().0.iter().enumerate() {
            let start =
                row / group * heads.query_width() + own.start + row % group * width + column;
            out[start..start + PANEL].copy_from_slice(product);
        }
    }
}

/// Exponentials of the values, made to sum to one.
#[inline(always)]
pub(super) fn softmax(values: &mut [f32]) {
    let mut most = f32::NEG_INFINITY;
    for value in values.iter() {
        most = most.max(*value);
    }
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = exponential(*value - most);
    }
    for value in values.iter() {
        sum += value;
    }
    for value in values.iter_mut() {
        *value /= sum;
    }
}

/// `e` to the power of `x`, to within two units in the last place, in a form that vectorises.
#[inline(always)]
pub(super) fn exponential(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    // Adding and subtracting 1.5 * 2^23 rounds to a whole number, on every processor in one step.
    let whole = (x * std::f32::consts::LOG2_E + 12_582_912.0) - 12_582_912.0;
    // ln 2 in two pieces, so that the remainder is exact.
    let rest = x - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let series = [
        1.987_569_1e-4,
        1.398_2e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ];
    let mut tail = 0.0;
    for factor in series {
        tail = tail * rest + factor;
    }
    let fraction = tail * rest * rest + rest + 1.0;
    fraction * f32::from_bits(((whole as i32 + 127) as u32) << 23)
}
