//! Reads a model from its file: sizes, options and weights, by the names that llama.cpp gives them.

use std::path::Path;

use super::{Activation, Layer, Linear, Model};
use crate::attention::Heads;
use crate::error::Error;
use crate::gguf::Gguf;
use crate::matrix::Matrix;
use crate::quants::Kind;
use crate::rope::Rope;

/// How often a layer of Gemma 3 looks at the whole context; the others see a sliding window.
const GEMMA_GLOBAL_EVERY: usize = 6;
const GEMMA_LOCAL_ROPE_BASE: f32 = 10_000.0;

impl Model {
    /// Reads the model that `gguf` holds.
    pub(crate) fn load(gguf: &Gguf, path: &Path) -> Result<Self, Error> {
        let architecture = gguf.text("general.architecture").unwrap_or("unnamed");
        if !["gemma3", "llama", "qwen2", "qwen3"].contains(&architecture) {
            let what = format!(
                "its architecture is {architecture}; the engine runs gemma3, llama, qwen2 and qwen3"
            );
            return Err(Error::Unsupported {
                path: path.to_owned(),
                what,
            });
        }
        let file = Source {
            gguf,
            path,
            architecture,
        };
        if let Some(experts) = file.experts() {
            let what = format!(
                "it is a mixture of {experts} experts; the engine runs models without experts. \
                 Serve it with another program, such as llama-server, and set ai.openai.base_url"
            );
            return Err(Error::Unsupported {
                path: path.to_owned(),
                what,
            });
        }
        let gemma = architecture == "gemma3";
        let (width, hidden) = (
            file.size("embedding_length")?,
            file.size("feed_forward_length")?,
        );
        let heads = file.heads(width)?;
        let embedding = Matrix::find(gguf, path, "token_embd.weight")?;
        let output = match gguf.tensor("output.weight") {
            Some(_) => Matrix::load(gguf, path, "output.weight", width, embedding.rows())?,
            None => embedding.clone(),
        };
        let layers =
            (0..file.size("block_count")?).map(|index| file.layer(index, width, hidden, heads));
        Ok(Self {
            window: file.size("context_length")?,
            heads,
            vocabulary: embedding.rows(),
            width,
            hidden,
            epsilon: file
                .float("attention.layer_norm_rms_epsilon")
                .unwrap_or(1e-6),
            embedding_scale: if gemma { (width as f32).sqrt() } else { 1.0 },
            activation: if gemma {
                Activation::Gelu
            } else {
                Activation::Silu
            },
            output_norm: file.vector("output_norm.weight", width)?,
            layers: layers.collect::<Result<_, _>>()?,
            embedding: Matrix::load(gguf, path, "token_embd.weight", width, embedding.rows())?,
            output,
        })
    }
}

/// A model file, asked in terms of its architecture.
struct Source<'a> {
    gguf: &'a Gguf,
    path: &'a Path,
    architecture: &'a str,
}

impl Source<'_> {
    fn size(&self, key: &str) -> Result<usize, Error> {
        let key = format!("{}.{key}", self.architecture);
        let value = self.gguf.int(&key).filter(|value| *value > 0);
        value
            .map(|value| value as usize)
            .ok_or_else(|| self.corrupt(format!("it does not say {key}")))
    }

    /// How many experts share the work of a layer, where there are any.
    fn experts(&self) -> Option<u32> {
        let key = format!("{}.expert_count", self.architecture);
        self.gguf.int(&key).filter(|count| *count > 0)
    }

    fn float(&self, key: &str) -> Option<f32> {
        self.gguf.float(&format!("{}.{key}", self.architecture))
    }

    fn corrupt(&self, what: String) -> Error {
        Error::Corrupt {
            path: self.path.to_owned(),
            what,
        }
    }

    fn heads(&self, width: usize) -> Result<Heads, Error> {
        let count = self.size("attention.head_count")?;
        let heads = Heads {
            query: count,
            key: self.size("attention.head_count_kv").unwrap_or(count),
            width: self.size("attention.key_length").unwrap_or(width / count),
        };
        if !heads.query.is_multiple_of(heads.key) || !heads.width.is_multiple_of(32) {
            return Err(self.corrupt(format!(
                "its attention heads do not fit together: {heads:?}"
            )));
        }
        Ok(heads)
    }

    fn layer(
        &self,
        index: usize,
        width: usize,
        hidden: usize,
        heads: Heads,
    ) -> Result<Layer, Error> {
        let gemma = self.architecture == "gemma3";
        let local = gemma && !(index + 1).is_multiple_of(GEMMA_GLOBAL_EVERY);
        let name = |part: &str| format!("blk.{index}.{part}");
        Ok(Layer {
            attention_norm: self.vector(&name("attn_norm.weight"), width)?,
            query: self.linear(&name("attn_q"), width, heads.query_width())?,
            key: self.linear(&name("attn_k"), width, heads.key_width())?,
            value: self.linear(&name("attn_v"), width, heads.key_width())?,
            query_norm: self.optional(&name("attn_q_norm.weight"), heads.width)?,
            key_norm: self.optional(&name("attn_k_norm.weight"), heads.width)?,
            rope: self.rope(local, heads)?,
            sight: if local {
                self.size("attention.sliding_window")?
            } else {
                usize::MAX
            },
            attention_output: self.linear(&name("attn_output"), heads.query_width(), width)?,
            attention_post_norm: self.optional(&name("post_attention_norm.weight"), width)?,
            feed_forward_norm: self.vector(&name("ffn_norm.weight"), width)?,
            gate: self.linear(&name("ffn_gate"), width, hidden)?,
            up: self.linear(&name("ffn_up"), width, hidden)?,
            down: self.linear(&name("ffn_down"), hidden, width)?,
            feed_forward_post_norm: self.optional(&name("post_ffw_norm.weight"), width)?,
        })
    }

    fn rope(&self, local: bool, heads: Heads) -> Result<Rope, Error> {
        let base = self.float("rope.freq_base").unwrap_or(10_000.0);
        let scale = match self
            .gguf
            .text(&format!("{}.rope.scaling.type", self.architecture))
        {
            Some("linear") if !local => self.float("rope.scaling.factor").unwrap_or(1.0),
            None | Some("none" | "linear") => 1.0,
            Some(other) => {
                let what = format!("it stretches its window by {other}; the engine knows linear");
                return Err(Error::Unsupported {
                    path: self.path.to_owned(),
                    what,
                });
            }
        };
        let base = if local { GEMMA_LOCAL_ROPE_BASE } else { base };
        let factors = self.optional("rope_freqs.weight", heads.width / 2)?;
        Ok(Rope::new(
            heads.width,
            base,
            scale,
            factors.as_deref(),
            self.architecture == "llama",
        ))
    }

    fn linear(&self, name: &str, columns: usize, rows: usize) -> Result<Linear, Error> {
        Ok(Linear {
            weight: Matrix::load(
                self.gguf,
                self.path,
                &format!("{name}.weight"),
                columns,
                rows,
            )?,
            bias: self.optional(&format!("{name}.bias"), rows)?,
        })
    }

    fn optional(&self, name: &str, length: usize) -> Result<Option<Vec<f32>>, Error> {
        self.gguf
            .tensor(name)
            .map(|_| self.vector(name, length))
            .transpose()
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, Error> {
        if let Some(values) = self.floats(name, length) {
            return Ok(values);
        }
        let matrix = Matrix::load(self.gguf, self.path, name, length, 1)?;
        let mut values = vec![0.0; length];
        matrix.row(0, &mut values);
        Ok(values)
    }

    /// A vector of plain floats, which may be shorter than the blocks that matrices are made of.
    fn floats(&self, name: &str, length: usize) -> Option<Vec<f32>> {
        let tensor = self.gguf.tensor(name)?;
        let is_plain = Kind::from_number(tensor.format) == Some(Kind::F32);
        if !is_plain || tensor.dimensions.as_slice() != [length] {
            return None;
        }
        let map = self.gguf.map();
        let bytes = map.get(tensor.start..)?.get(..length.checked_mul(4)?)?;
        let (floats, _) = bytes.as_chunks();
        Some(
            floats
                .iter()
                .map(|float| f32::from_le_bytes(*float))
                .collect(),
        )
    }
}
