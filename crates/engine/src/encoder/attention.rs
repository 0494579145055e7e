//! Attention within texts: every token sees all tokens of its own text, before and after it.

use std::ops::Range;

use rayon::prelude::*;

use crate::attention::softmax;
use crate::kernels::{ManyRows, PANEL};
use crate::matrix::Cpu;

/// Rows that one thread takes at a time.
const BLOCK: usize = 32;

/// How many heads of which width.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) count: usize,
    pub(super) width: usize,
}

impl Heads {
    /// The width of a row.
    const fn total(self) -> usize {
        self.count * self.width
    }
}

/// The rows of some texts, one text after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) query: &'a [f32],
    pub(super) key: &'a [f32],
    pub(super) value: &'a [f32],
    /// Rows of each text.
    pub(super) lengths: &'a [usize],
}

/// Successive rows of one text.
struct Block<'a> {
    /// All rows of the text.
    text: Range<usize>,
    first: usize,
    out: &'a mut [f32],
}

#[derive(Default)]
struct Scratch {
    panel: Vec<f32>,
    product: Vec<f32>,
    weights: Vec<f32>,
}

/// Attends every row of the batch.
pub(super) fn attend(cpu: Cpu, heads: Heads, batch: Batch<'_>, out: &mut [f32]) {
    blocks(batch.lengths, heads.total(), out)
        .into_par_iter()
        .for_each_init(Scratch::default, |scratch, mut block| {
            for head in 0..heads.count {
                one_head(cpu, heads, batch, &mut block, head, scratch);
            }
        });
}

fn blocks<'a>(lengths: &[usize], width: usize, out: &'a mut [f32]) -> Vec<Block<'a>> {
    let mut blocks = Vec::new();
    let (mut rest, mut start) = (out, 0);
    for length in lengths {
        let (own, others) = rest.split_at_mut(length * width);
        rest = others;
        let text = start..start + length;
        for (index, out) in own.chunks_mut(BLOCK * width).enumerate() {
            let (text, first) = (text.clone(), start + index * BLOCK);
            blocks.push(Block { text, first, out });
        }
        start += length;
    }
    blocks
}

fn one_head(
    cpu: Cpu,
    heads: Heads,
    batch: Batch<'_>,
    block: &mut Block<'_>,
    head: usize,
    scratch: &mut Scratch,
) {
    let (row_width, at) = (heads.total(), head * heads.width);
    let (rows, text) = (block.out.len() / row_width, block.text.clone());
    let stride = text.len().next_multiple_of(PANEL);
    let Scratch {
        panel,
        product,
        weights,
    } = scratch;

    product.resize(rows * PANEL, 0.0);
    weights.resize(rows * stride, 0.0);
    panel.resize(heads.width * PANEL, 0.0);
    for first in text.clone().step_by(PANEL) {
        panel.fill(0.0);
        for (lane, position) in (first..text.end.min(first + PANEL)).enumerate() {
            let key = &batch.key[position * row_width + at..][..heads.width];
            let columns = panel.as_chunks_mut::<PANEL>().0.iter_mut();
            columns
                .zip(key)
                .for_each(|(column, value)| column[lane] = *value);
        }
        cpu.arch.dispatch(ManyRows {
            panel,
            stride: row_width,
            activations: &batch.query[block.first * row_width + at..],
            out: product,
        });
        let rows = weights.chunks_exact_mut(stride);
        for (weights, product) in rows.zip(product.as_chunks::<PANEL>().0) {
            weights[first - text.start..][..PANEL].copy_from_slice(product);
        }
    }

    let scale = 1.0 / (heads.width as f32).sqrt();
    for weights in weights.chunks_exact_mut(stride) {
        let (weights, beyond) = weights.split_at_mut(text.len());
        beyond.fill(0.0);
        cpu.arch.dispatch(
            #[inline(always)]
            || {
                weights.iter_mut().for_each(|weight| *weight *= scale);
                softmax(weights);
            },
        );
    }

    panel.resize(text.len() * PANEL, 0.0);
    for column in (at..at + heads.width).step_by(PANEL) {
        let values = panel.as_chunks_mut::<PANEL>().0.iter_mut();
        for (panel, position) in values.zip(text.clone()) {
            panel.copy_from_slice(&batch.value[position * row_width + column..][..PANEL]);
        }
        cpu.arch.dispatch(ManyRows {
            panel,
            stride,
            activations: weights,
            out: product,
        });
        let rows = block.out.chunks_exact_mut(row_width);
        for (out, product) in rows.zip(product.as_chunks::<PANEL>().0) {
            out[column..column + PANEL].copy_from_slice(product);
        }
    }
}
