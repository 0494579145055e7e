//! Tiny models of every architecture, weight format and tokenizer that the engine knows, for tests.
//!
//! Their weights come from a seed, so that every machine makes the same files, and what llama.cpp computes with them can be
//! recorded: see `tests/reference/record.py`. Files go to a folder that the test names, or to the one in
//! `TROUPE_TINY_MODELS`, where that script finds them.

mod vocabulary;
mod weights;

use std::path::{Path, PathBuf};

use crate::gguf::writer::Writer;
use vocabulary::Words;
use weights::Random;

const WINDOW: u32 = 512;
/// Gemma's local layers see so far; the recorded prompts are longer.
const SLIDING_WINDOW: u32 = 16;

/// What makes a tiny model differ from others.
#[derive(Debug)]
pub(crate) struct Tiny {
    pub(crate) name: &'static str,
    architecture: &'static str,
    words: Words,
    /// ggml's numbers of the formats that its matrices take in turn.
    formats: &'static [u32],
    /// 64, or 256 for the formats with blocks so large.
    width: usize,
    layers: usize,
    /// Whether it has an output matrix of its own.
    output: bool,
    /// Whether its file stretches rotary frequencies one by one, as Llama 3's do.
    factors: bool,
    /// How many experts its file speaks of; none of them is in it.
    experts: u32,
    template: Option<&'static str>,
}

/// A model of experts.
pub(crate) const EXPERTS: Tiny = Tiny {
    experts: 8,
    ..Tiny::new("experts", "llama", Words::SentencePiece, &[0])
};

/// A model that was taught to chat.
pub(crate) const CHAT: Tiny = Tiny {
    template: Some(
        "{% for message in messages %}{{ '<|im_start|>' ~ message.content ~ '<|im_end|>' }}{% endfor %}",
    ),
    ..Tiny::new("chat", "llama", Words::BytePair("llama-bpe"), &[0])
};

/// One of every kind.
pub(crate) const ALL: [Tiny; 8] = [
    Tiny::new("llama-f32", "llama", Words::BytePair("llama-bpe"), &[0]),
    Tiny {
        output: true,
        factors: true,
        ..Tiny::new("llama-f16", "llama", Words::BytePair("smollm"), &[1])
    },
    Tiny {
        output: true,
        ..Tiny::new("llama-q8", "llama", Words::SentencePiece, &[8])
    },
    Tiny::new("qwen2-f32", "qwen2", Words::BytePair("qwen2"), &[0]),
    Tiny {
        output: true,
        ..Tiny::new("qwen2-q4", "qwen2", Words::BytePair("qwen2"), &[2, 3, 6, 7])
    },
    Tiny::new("qwen3-bf16", "qwen3", Words::BytePair("default"), &[30]),
    Tiny {
        output: true,
        width: 256,
        ..Tiny::new("qwen3-k", "qwen3", Words::BytePair("gpt-2"), &[12, 13, 14])
    },
    Tiny {
        layers: 7,
        ..Tiny::new("gemma3-f32", "gemma3", Words::SentencePiece, &[0])
    },
];

impl Tiny {
    const fn new(
        name: &'static str,
        architecture: &'static str,
        words: Words,
        formats: &'static [u32],
    ) -> Self {
        Self {
            name,
            architecture,
            words,
            formats,
            width: 64,
            layers: 2,
            output: false,
            factors: false,
            experts: 0,
            template: None,
        }
    }

    /// Writes the model's file, and gives its path.
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever looks for a fault keeps the files"
    )]
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let kept = std::env::var_os("TROUPE_TINY_MODELS").map(PathBuf::from);
        let path = kept
            .as_deref()
            .unwrap_or(folder)
            .join(format!("{}.gguf", self.name));
        std::fs::write(&path, self.file()).unwrap();
        path
    }

    /// The bytes of the model's file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.describe(&mut writer);
        let vocabulary = self.words.write(&mut writer);
        let mut weights = Weights {
            formats: self.formats.iter().cycle(),
            random: Random::new(self.name),
            writer,
        };
        let spread = 3.0 / (self.width as f32).sqrt();
        weights.matrix("token_embd", self.width, vocabulary, spread);
        if self.output {
            weights.matrix("output", self.width, vocabulary, spread);
        }
        if self.factors {
            let factors = weights.random.floats(self.head_width() / 2, 1.0, 8.0);
            weights.vector("rope_freqs.weight", &factors);
        }
        weights.norm("output_norm", self.width);
        for layer in 0..self.layers {
            self.layer(layer, &mut weights);
        }
        weights.writer.finish()
    }

    fn describe(&self, writer: &mut Writer) {
        let key = |key: &str| format!("{}.{key}", self.architecture);
        writer.text("general.architecture", self.architecture);
        writer.text("general.name", self.name);
        writer.int(&key("block_count"), self.layers as u32);
        writer.int(&key("context_length"), WINDOW);
        writer.int(&key("embedding_length"), self.width as u32);
        writer.int(&key("feed_forward_length"), 2 * self.width as u32);
        writer.int(&key("attention.head_count"), 2 * self.key_heads() as u32);
        writer.int(&key("attention.head_count_kv"), self.key_heads() as u32);
        writer.int(&key("attention.key_length"), self.head_width() as u32);
        writer.int(&key("attention.value_length"), self.head_width() as u32);
        writer.int(&key("rope.dimension_count"), self.head_width() as u32);
        writer.float(&key("attention.layer_norm_rms_epsilon"), 1e-5);
        if self.experts > 0 {
            writer.int(&key("expert_count"), self.experts);
        }
        if let Some(template) = self.template {
            writer.text("tokenizer.chat_template", template);
        }
        if self.architecture == "gemma3" {
            writer.int(&key("attention.sliding_window"), SLIDING_WINDOW);
            writer.float(&key("rope.freq_base"), 1e6);
            writer.text(&key("rope.scaling.type"), "linear");
            writer.float(&key("rope.scaling.factor"), 8.0);
        } else {
            writer.float(&key("rope.freq_base"), 5e5);
        }
    }

    fn layer(&self, layer: usize, weights: &mut Weights) {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let (width, hidden) = (self.width, 2 * self.width);
        let key = self.key_heads() * self.head_width();
        let query = 2 * key;
        weights.norm(&name("attn_norm"), width);
        for (part, rows) in [("attn_q", query), ("attn_k", key), ("attn_v", key)] {
            weights.linear(&name(part), width, rows);
            if self.architecture == "qwen2" {
                let bias = weights.random.floats(rows, -0.5, 0.5);
                weights.vector(&name(&format!("{part}.bias")), &bias);
            }
        }
        if ["qwen3", "gemma3"].contains(&self.architecture) {
            weights.norm(&name("attn_q_norm"), self.head_width());
            weights.norm(&name("attn_k_norm"), self.head_width());
        }
        weights.linear(&name("attn_output"), query, width);
        weights.norm(&name("ffn_norm"), width);
        weights.linear(&name("ffn_gate"), width, hidden);
        weights.linear(&name("ffn_up"), width, hidden);
        weights.linear(&name("ffn_down"), hidden, width);
        if self.architecture == "gemma3" {
            weights.norm(&name("post_attention_norm"), width);
            weights.norm(&name("post_ffw_norm"), width);
        }
    }

    /// Half as many as query heads, and more than the model's width divided by theirs, which files may have; llama.cpp
    /// doesn't take it of Qwen 2.
    fn key_heads(&self) -> usize {
        if self.architecture == "qwen2" { 1 } else { 2 }
    }

    const fn head_width(&self) -> usize {
        if self.width == 64 { 32 } else { 64 }
    }
}

/// A file's tensors, written one by one.
struct Weights {
    writer: Writer,
    random: Random,
    formats: std::iter::Cycle<std::slice::Iter<'static, u32>>,
}

impl Weights {
    fn matrix(&mut self, name: &str, columns: usize, rows: usize, spread: f32) {
        let format = self.formats.next().copied().unwrap_or_default();
        let bytes = self.random.weights(format, columns * rows, spread);
        self.writer
            .tensor(&format!("{name}.weight"), &[columns, rows], format, &bytes);
    }

    fn linear(&mut self, name: &str, columns: usize, rows: usize) {
        self.matrix(name, columns, rows, 1.0 / (columns as f32).sqrt());
    }

    fn norm(&mut self, name: &str, width: usize) {
        let norm = self.random.floats(width, 0.5, 1.5);
        self.vector(&format!("{name}.weight"), &norm);
    }

    fn vector(&mut self, name: &str, values: &[f32]) {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.writer.tensor(name, &[values.len()], 0, &bytes);
    }
}
