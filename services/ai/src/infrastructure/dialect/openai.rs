//! OpenAI's completions, chat or text, and its embeddings, as llama.cpp, vLLM, LM Studio, OpenRouter and many others speak them.

mod reader;
mod wire;

use serde_json::{Value, json};

pub(super) use reader::figures;

use super::{Dialect, Traits, list, post};
use crate::domain::Request;
use crate::domain::embedder::Purpose;
use crate::infrastructure::upstream::piece::{count, whole};
use crate::infrastructure::upstream::{Outgoing, Reader};

/// How OpenAI itself limits stop texts; more make it refuse the request.
const OPENAI_STOP_TEXTS: usize = 4;

#[derive(Debug)]
pub(super) struct OpenAi;

impl Dialect for OpenAi {
    fn completion(
        &self,
        request: &Request,
        traits: &Traits,
    ) -> Result<Outgoing, serde_json::Error> {
        wire::encode(request, traits)
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(reader::CompletionReader)
    }

    fn takes_stop(&self, index: usize, _text: &str, traits: &Traits) -> bool {
        !traits.is_openai || index < OPENAI_STOP_TEXTS
    }

    fn embedding(&self, model: &str, texts: &[&str], _purpose: Purpose) -> Option<Outgoing> {
        let body = json!({"model": model, "input": texts, "encoding_format": "float"});
        post("embeddings", &body).ok()
    }

    fn vectors<'a>(&self, answer: &'a Value) -> Vec<(usize, &'a Value)> {
        let vector = |(place, entry): (usize, &'a Value)| {
            let index = entry.get("index").and_then(whole);
            let index = index.map_or(place, |index| index as usize);
            Some((index, entry.get("embedding")?))
        };
        list(answer, "data")
            .enumerate()
            .filter_map(vector)
            .collect()
    }

    fn embedded_tokens(&self, answer: &Value) -> Option<u32> {
        let usage = answer.get("usage")?;
        count(usage, "prompt_tokens").or_else(|| count(usage, "total_tokens"))
    }
}
