//! The transformer: what a model file says of itself, and one forward pass over a batch.
//!
//! Llama, Qwen 2, Qwen 3 and Gemma 3 are one network with small differences; each difference is a field, read once at load.

mod load;

use super::attention::{self, Heads};
use super::cache::Cache;
use super::matrix::{Cpu, Matrix, Rows};
use super::rope::Rope;

/// A loaded model.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) window: usize,
    pub(super) heads: Heads,
    pub(super) vocabulary: usize,
    width: usize,
    hidden: usize,
    epsilon: f32,
    embedding_scale: f32,
    activation: Activation,
    embedding: Matrix,
    output: Matrix,
    output_norm: Vec<f32>,
    layers: Vec<Layer>,
}

#[derive(Debug, Clone, Copy)]
enum Activation {
    Silu,
    Gelu,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Vec<f32>,
    query: Linear,
    key: Linear,
    value: Linear,
    query_norm: Option<Vec<f32>>,
    key_norm: Option<Vec<f32>>,
    rope: Rope,
    /// How many positions back a token sees, itself included.
    sight: usize,
    attention_output: Linear,
    attention_post_norm: Option<Vec<f32>>,
    feed_forward_norm: Vec<f32>,
    gate: Linear,
    up: Linear,
    down: Linear,
    feed_forward_post_norm: Option<Vec<f32>>,
}

/// A matrix and what is added to its products.
#[derive(Debug)]
pub(super) struct Linear {
    pub(super) weight: Matrix,
    pub(super) bias: Option<Vec<f32>>,
}

/// Some successive tokens of one sequence.
#[derive(Debug)]
pub(super) struct Span<'a> {
    pub(super) tokens: &'a [u32],
    pub(super) cache: &'a mut Cache,
    /// Whether the last token's logits are wanted.
    pub(super) logits: bool,
}

/// Memory that passes reuse.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    stream: Vec<f32>,
    normed: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    attended: Vec<f32>,
    added: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    scratch: Vec<f32>,
    /// One row of the vocabulary's size for each span that asked for logits.
    pub(super) logits: Vec<f32>,
}

impl Model {
    pub(super) fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Runs the spans' tokens through the network, extending their caches; logits go to the workspace.
    /// Spans of prompts come first and those that generate, one token each, last.
    pub(super) fn forward(
        &self,
        cpu: Cpu,
        rows: Rows,
        spans: &mut [Span<'_>],
        work: &mut Workspace,
    ) {
        self.embed(rows, spans, work);
        for (index, layer) in self.layers.iter().enumerate() {
            self.attend(cpu, rows, index, layer, spans, work);
            self.feed_forward(cpu, rows, layer, work);
        }
        for span in spans.iter_mut() {
            span.cache.advance(span.tokens.len());
        }
        self.classify(cpu, spans, work);
    }

    fn embed(&self, rows: Rows, spans: &[Span<'_>], work: &mut Workspace) {
        work.stream.resize(rows.total() * self.width, 0.0);
        let tokens = spans.iter().flat_map(|span| span.tokens);
        for (token, out) in tokens.zip(work.stream.chunks_exact_mut(self.width)) {
            self.embedding.row(*token as usize, out);
            out.iter_mut()
                .for_each(|value| *value *= self.embedding_scale);
        }
    }

    fn attend(
        &self,
        cpu: Cpu,
        rows: Rows,
        index: usize,
        layer: &Layer,
        spans: &mut [Span<'_>],
        work: &mut Workspace,
    ) {
        normalise(
            &work.stream,
            &layer.attention_norm,
            self.epsilon,
            &mut work.normed,
        );
        layer
            .query
            .apply(cpu, rows, &work.normed, &mut work.query, &mut work.scratch);
        layer
            .key
            .apply(cpu, rows, &work.normed, &mut work.key, &mut work.scratch);
        layer
            .value
            .apply(cpu, rows, &work.normed, &mut work.value, &mut work.scratch);
        normalise_in_place(&mut work.query, layer.query_norm.as_deref(), self.epsilon);
        normalise_in_place(&mut work.key, layer.key_norm.as_deref(), self.epsilon);
        let mut row = 0;
        for span in spans.iter_mut() {
            for position in span.cache.length()..span.cache.length() + span.tokens.len() {
                layer.rope.rotate(
                    position,
                    &mut work.query[row * self.heads.query_width()..][..self.heads.query_width()],
                );
                layer.rope.rotate(
                    position,
                    &mut work.key[row * self.heads.key_width()..][..self.heads.key_width()],
                );
                row += 1;
            }
            let taken =
                (row - span.tokens.len()) * self.heads.key_width()..row * self.heads.key_width();
            span.cache
                .layer(index)
                .append(&work.key[taken.clone()], &work.value[taken]);
        }
        work.attended.resize(work.query.len(), 0.0);
        let mut at = 0;
        for span in spans.iter_mut() {
            let range = at..at + span.tokens.len() * self.heads.query_width();
            let is_single = at / self.heads.query_width() >= rows.prompt;
            at = range.end;
            let first = span.cache.length();
            let query = attention::Query {
                rows: &work.query[range.clone()],
                first,
                sight: layer.sight,
                is_single,
            };
            attention::attend(
                cpu,
                self.heads,
                query,
                span.cache.layer(index),
                &mut work.attended[range],
            );
        }
        layer.attention_output.apply(
            cpu,
            rows,
            &work.attended,
            &mut work.added,
            &mut work.scratch,
        );
        normalise_in_place(
            &mut work.added,
            layer.attention_post_norm.as_deref(),
            self.epsilon,
        );
        add(&mut work.stream, &work.added);
    }

    fn feed_forward(&self, cpu: Cpu, rows: Rows, layer: &Layer, work: &mut Workspace) {
        normalise(
            &work.stream,
            &layer.feed_forward_norm,
            self.epsilon,
            &mut work.normed,
        );
        layer
            .gate
            .apply(cpu, rows, &work.normed, &mut work.gate, &mut work.scratch);
        layer
            .up
            .apply(cpu, rows, &work.normed, &mut work.up, &mut work.scratch);
        self.activation
            .gate(cpu, &mut work.gate, &work.up, self.hidden);
        layer
            .down
            .apply(cpu, rows, &work.gate, &mut work.added, &mut work.scratch);
        normalise_in_place(
            &mut work.added,
            layer.feed_forward_post_norm.as_deref(),
            self.epsilon,
        );
        add(&mut work.stream, &work.added);
    }

    /// Logits of the last row of each span that asks for them.
    fn classify(&self, cpu: Cpu, spans: &[Span<'_>], work: &mut Workspace) {
        let mut row = 0;
        work.added.clear();
        for span in spans {
            row += span.tokens.len();
            if span.logits {
                work.added
                    .extend_from_slice(&work.stream[(row - 1) * self.width..row * self.width]);
            }
        }
        let rows = Rows {
            prompt: 0,
            single: work.added.len() / self.width,
        };
        normalise(
            &work.added,
            &self.output_norm,
            self.epsilon,
            &mut work.normed,
        );
        work.logits.resize(rows.single * self.vocabulary, 0.0);
        self.output
            .multiply(cpu, rows, &work.normed, &mut work.logits, &mut work.scratch);
    }
}

impl Activation {
    /// `gate = activation(gate) * up`.
    fn gate(self, cpu: Cpu, gate: &mut [f32], up: &[f32], width: usize) {
        use rayon::prelude::*;
        let chunk = (gate.len() / cpu.threads).next_multiple_of(width);
        gate.par_chunks_mut(chunk)
            .zip(up.par_chunks(chunk))
            .for_each(|(gate, up)| {
                cpu.arch.dispatch(
                    #[inline(always)]
                    || {
                        for (gate, up) in gate.iter_mut().zip(up) {
                            *gate *= up * logistic(self.argument(*gate));
                        }
                    },
                );
            });
    }

    /// Both activations are `x * logistic(argument(x))`; GELU is in its tanh form.
    #[inline(always)]
    fn argument(self, x: f32) -> f32 {
        const TWICE_ROOT: f32 = 2.0 * 0.797_884_6;
        match self {
            Self::Silu => x,
            Self::Gelu => TWICE_ROOT * x * (1.0 + 0.044_715 * x * x),
        }
    }
}

#[inline(always)]
fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + attention::exponential(-x))
}

impl Linear {
    pub(super) fn apply(
        &self,
        cpu: Cpu,
        rows: Rows,
        input: &[f32],
        out: &mut Vec<f32>,
        scratch: &mut Vec<f32>,
    ) {
        out.resize(rows.total() * self.weight.rows(), 0.0);
        self.weight.multiply(cpu, rows, input, out, scratch);
        if let Some(bias) = &self.bias {
            out.chunks_exact_mut(bias.len())
                .for_each(|row| add(row, bias));
        }
    }
}

fn add(sum: &mut [f32], added: &[f32]) {
    sum.iter_mut()
        .zip(added)
        .for_each(|(sum, added)| *sum += added);
}

fn normalise(input: &[f32], weight: &[f32], epsilon: f32, out: &mut Vec<f32>) {
    out.clear();
    out.extend_from_slice(input);
    normalise_in_place(out, Some(weight), epsilon);
}

/// Divides each stretch of the weight's length by its root mean square; without a weight does nothing.
fn normalise_in_place(values: &mut [f32], weight: Option<&[f32]>, epsilon: f32) {
    let Some(weight) = weight else { return };
    for row in values.chunks_exact_mut(weight.len()) {
        let squares: f32 = row
            .as_chunks::<8>()
            .0
            .iter()
            .fold([0.0; 8], |sums, chunk| {
                std::array::from_fn(|i| sums[i] + chunk[i] * chunk[i])
            })
            .iter()
            .sum();
        let scale = 1.0 / (squares / weight.len() as f32 + epsilon).sqrt();
        row.iter_mut()
            .zip(weight)
            .for_each(|(value, weight)| *value *= scale * weight);
    }
}

#[cfg(test)]
mod tests;
