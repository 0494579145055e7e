//! Every tiny model must compute what llama.cpp computed with the same file; `tests/reference/record.py` made the record.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::gguf::Gguf;
use crate::tiny::{self, Tiny};
use crate::tokenizer::Tokenizer;
use crate::{CacheType, Engine, Event, Options, Request, Sampling};

const RECORD: &str = include_str!("../../tests/reference/continuations.json");

/// What llama.cpp made of a prompt, taking the likeliest token always.
#[derive(Deserialize)]
struct Continuation {
    prompt: String,
    prompt_tokens: Vec<u32>,
    text: String,
    reply: Vec<u32>,
    /// In place of each token of the reply the likeliest ones and their log-probabilities, where llama.cpp tells them.
    steps: Vec<Vec<(u32, f32)>>,
}

fn record() -> BTreeMap<String, Continuation> {
    serde_json::from_str(RECORD).unwrap()
}

/// How far log-probabilities may lie apart. llama.cpp rounds activations: to half precision for F16 and BF16 weights, to 8
/// bits a number for block formats. It looks GELU, which gemma uses, up in a table of half precision.
fn tolerance(tiny: &Tiny) -> f32 {
    match tiny.name.rsplit_once('-') {
        Some(("gemma3", "f32")) => 0.01,
        Some((_, "f32")) => 1e-3,
        Some((_, "f16" | "bf16")) => 0.05,
        _ => 0.4,
    }
}

fn log_probabilities(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
    logits.iter().map(|logit| logit - most - sum.ln()).collect()
}

/// A sequence of one model.
struct Sequence {
    model: Model,
    cpu: Cpu,
    cache: Cache,
    work: Workspace,
}

impl Sequence {
    fn new(model: Model) -> Self {
        let cpu = Cpu {
            arch: pulp::Arch::new(),
            threads: 2,
        };
        let cache = Cache::new(CacheType::F32, model.layers(), model.heads.key_width());
        Self {
            model,
            cpu,
            cache,
            work: Workspace::default(),
        }
    }

    fn run(&mut self, tokens: &[u32], rows: Rows) -> Vec<f32> {
        let span = Span {
            tokens,
            cache: &mut self.cache,
            logits: rows.single > 0,
        };
        self.model
            .forward(self.cpu, rows, &mut [span], &mut self.work);
        log_probabilities(&self.work.logits)
    }

    fn read(&mut self, tokens: &[u32]) {
        let rows = Rows {
            prompt: tokens.len(),
            single: 0,
        };
        self.run(tokens, rows);
    }

    fn next(&mut self, token: u32) -> Vec<f32> {
        let rows = Rows {
            prompt: 0,
            single: 1,
        };
        self.run(&[token], rows)
    }
}

#[test]
fn computes_what_llama_cpp_computes() {
    let folder = tempfile::tempdir().unwrap();
    let paths = tiny::ALL.each_ref().map(|tiny| tiny.write(folder.path()));
    let record = record();
    assert_eq!(record.len(), tiny::ALL.len());
    for (tiny, path) in tiny::ALL.iter().zip(paths) {
        let gguf = Gguf::open(&path).unwrap();
        let expected = &record[tiny.name];
        let tokenizer = Tokenizer::load(&gguf, &path).unwrap();
        let tokens = tokenizer.encode(&expected.prompt.as_str().into());
        assert_eq!(tokens, expected.prompt_tokens, "{}", tiny.name);

        let mut sequence = Sequence::new(Model::load(&gguf, &path).unwrap());
        let (mut token, beginning) = tokens.split_last().unwrap();
        sequence.read(beginning);
        for (index, likeliest) in expected.steps.iter().enumerate() {
            let ours = sequence.next(*token);
            for (id, theirs) in likeliest {
                let ours = ours[*id as usize];
                assert!(
                    (ours - theirs).abs() < tolerance(tiny),
                    "{}, token {index}: {id} has {ours}, not {theirs}",
                    tiny.name
                );
            }
            token = &expected.reply[index];
        }
    }
}

#[test]
fn continues_a_prompt_as_llama_cpp_does() {
    let folder = tempfile::tempdir().unwrap();
    let record = record();
    // Of the others, rounding may let two tokens that are equally likely change places.
    for tiny in tiny::ALL.iter().filter(|tiny| tiny.name.ends_with("-f32")) {
        let engine = Engine::load(&tiny.write(folder.path()), Options::default()).unwrap();
        assert_eq!(engine.name(), tiny.name);
        let expected = &record[tiny.name];
        let request = Request {
            prompt: expected.prompt.as_str().into(),
            max_tokens: expected.reply.len() as u32,
            sampling: Sampling {
                temperature: 0.0,
                ..Sampling::default()
            },
            stop: Vec::new(),
        };
        let mut events = engine.generate(request).unwrap();
        let mut text = String::new();
        while let Some(Event::Delta(delta)) = events.blocking_recv() {
            text.push_str(&delta);
        }
        assert_eq!(text, expected.text, "{}", tiny.name);
    }
}
