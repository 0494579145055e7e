//! BERT's network: one pass over the tokens of some texts.

use rayon::prelude::*;

use super::attention::{self, Batch, Heads};
use crate::attention::exponential;
use crate::matrix::{Cpu, Matrix, Rows};
use crate::model::Linear;

const EPSILON: f32 = 1e-12;

/// A loaded network.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) heads: Heads,
    pub(super) words: Matrix,
    pub(super) positions: Matrix,
    /// What is added to every token of a first text; second texts are not used.
    pub(super) segment: Vec<f32>,
    pub(super) norm: Norm,
    pub(super) layers: Vec<Layer>,
}

#[derive(Debug)]
pub(super) struct Layer {
    pub(super) query: Linear,
    pub(super) key: Linear,
    pub(super) value: Linear,
    pub(super) attention_output: Linear,
    pub(super) attention_norm: Norm,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) norm: Norm,
}

/// What rows are multiplied with and moved by once their mean is 0 and their variance 1.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// Memory that the passes of a call reuse.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    /// A row for each token; after a pass, what the network makes of it.
    pub(super) stream: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    attended: Vec<f32>,
    added: Vec<f32>,
    hidden: Vec<f32>,
    scratch: Vec<f32>,
}

impl Network {
    /// The width of a row.
    pub(super) const fn width(&self) -> usize {
        self.norm.weight.len()
    }

    /// Runs the texts' tokens through the network. A row depends on its own text only, bit for bit.
    pub(super) fn forward(&self, cpu: Cpu, texts: &[Vec<u32>], work: &mut Workspace) {
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let rows = Rows {
            prompt: lengths.iter().sum(),
            single: 0,
        };
        self.embed(cpu, texts, rows, work);
        for layer in &self.layers {
            self.attend(cpu, layer, rows, &lengths, work);
            feed_forward(cpu, layer, rows, work);
        }
    }

    fn embed(&self, cpu: Cpu, texts: &[Vec<u32>], rows: Rows, work: &mut Workspace) {
        let width = self.width();
        work.stream.resize(rows.total() * width, 0.0);
        work.added.resize(rows.total() * width, 0.0);
        let places = work
            .stream
            .chunks_exact_mut(width)
            .zip(work.added.chunks_exact_mut(width));
        let tokens = texts.iter().flat_map(|text| text.iter().enumerate());
        for ((position, token), (word, place)) in tokens.zip(places) {
            self.words.row(*token as usize, word);
            self.positions.row(position, place);
            let moved = place.iter_mut().zip(&self.segment);
            moved.for_each(|(place, segment)| *place += segment);
        }
        self.norm.add(cpu, &mut work.stream, &work.added);
    }

    fn attend(&self, cpu: Cpu, layer: &Layer, rows: Rows, lengths: &[usize], work: &mut Workspace) {
        let linears = [
            (&layer.query, &mut work.query),
            (&layer.key, &mut work.key),
            (&layer.value, &mut work.value),
        ];
        for (linear, out) in linears {
            linear.apply(cpu, rows, &work.stream, out, &mut work.scratch);
        }
        work.attended.resize(work.query.len(), 0.0);
        let batch = Batch {
            query: &work.query,
            key: &work.key,
            value: &work.value,
            lengths,
        };
        attention::attend(cpu, self.heads, batch, &mut work.attended);
        let linear = &layer.attention_output;
        linear.apply(
            cpu,
            rows,
            &work.attended,
            &mut work.added,
            &mut work.scratch,
        );
        let norm = &layer.attention_norm;
        norm.add(cpu, &mut work.stream, &work.added);
    }
}

fn feed_forward(cpu: Cpu, layer: &Layer, rows: Rows, work: &mut Workspace) {
    let (up, down) = (&layer.up, &layer.down);
    up.apply(cpu, rows, &work.stream, &mut work.hidden, &mut work.scratch);
    work.hidden
        .par_chunks_mut(up.weight.rows())
        .for_each(|row| {
            cpu.arch.dispatch(
                #[inline(always)]
                || row.iter_mut().for_each(|value| *value = gelu(*value)),
            );
        });
    down.apply(cpu, rows, &work.hidden, &mut work.added, &mut work.scratch);
    layer.norm.add(cpu, &mut work.stream, &work.added);
}

impl Norm {
    /// Adds to the rows and normalises the sums.
    fn add(&self, cpu: Cpu, rows: &mut [f32], added: &[f32]) {
        let width = self.weight.len();
        rows.par_chunks_mut(width)
            .zip(added.par_chunks(width))
            .for_each(|(row, added)| {
                cpu.arch.dispatch(
                    #[inline(always)]
                    || self.add_to_row(row, added),
                );
            });
    }

    #[inline(always)]
    fn add_to_row(&self, row: &mut [f32], added: &[f32]) {
        let width = row.len() as f32;
        row.iter_mut()
            .zip(added)
            .for_each(|(value, added)| *value += added);
        let mean = sum(row, |value| value) / width;
        let variance = sum(row, |value| (value - mean) * (value - mean)) / width;
        let scale = 1.0 / (variance + EPSILON).sqrt();
        let affine = self.weight.iter().zip(&self.bias);
        for (value, (weight, bias)) in row.iter_mut().zip(affine) {
            *value = (*value - mean) * scale * weight + bias;
        }
    }
}

/// The sum of a function of the values; there are a multiple of 8.
#[inline(always)]
pub(super) fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0; 8];
    for chunk in values.as_chunks::<8>().0 {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += of(*value);
        }
    }
    sums.iter().sum()
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + error_function(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The error function to within 2e-7, in a form that vectorises (Abramowitz and Stegun, 7.1.26).
#[inline(always)]
fn error_function(x: f32) -> f32 {
    let magnitude = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * magnitude);
    let mut series = 0.0;
    for factor in [
        1.061_405_4,
        -1.453_152,
        1.421_413_7,
        -0.284_496_74,
        0.254_829_6,
    ] {
        series = (series + factor) * t;
    }
    (1.0 - series * exponential(-magnitude * magnitude)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_error_function() {
        let table = [
            (0.0, 0.0),
            (0.25, 0.276_326_4),
            (0.5, 0.520_499_9),
            (1.0, 0.842_700_8),
            (1.5, 0.966_105_1),
            (2.0, 0.995_322_3),
            (3.0, 0.999_977_9),
            (9.0, 1.0),
        ];
        for (x, expected) in table {
            assert!((error_function(x) - expected).abs() < 3e-7, "{x}");
            assert!((error_function(-x) + expected).abs() < 3e-7, "-{x}");
        }
    }

    #[test]
    fn normalises_a_sum_of_rows() {
        let norm = Norm {
            weight: vec![2.0; 8],
            bias: vec![1.0; 8],
        };
        let mut row: [f32; 8] = std::array::from_fn(|i| i as f32);
        norm.add_to_row(&mut row, &[1.0; 8]);
        let mean = row.iter().sum::<f32>() / 8.0;
        let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / 8.0;
        assert!((mean - 1.0).abs() < 1e-6 && (variance - 4.0).abs() < 1e-5);
    }
}
