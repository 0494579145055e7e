//! Ollama's own dialect: JSON line by line. It says what a model can and how long its window is, and takes the window with each
//! request, where OpenAI's dialect would have it cut prompts without a word.

use serde_json::{Map, Value, json};

use super::{Dialect, Traits, decimal, list, plain_messages, post, put, text, told_stop_texts};
use crate::domain::embedder::Purpose;
use crate::domain::{Prompt, Request};
use crate::infrastructure::roles;
use crate::infrastructure::server::Found;
use crate::infrastructure::upstream::piece::count;
use crate::infrastructure::upstream::{
    Ending, Endpoint, Figures, Outgoing, Piece, Reader, failure,
};

/// Models that are asked about one by one.
const MOST_DESCRIBED: usize = 100;

#[derive(Debug)]
pub(super) struct Ollama;

impl Dialect for Ollama {
    fn completion(
        &self,
        request: &Request,
        traits: &Traits,
    ) -> Result<Outgoing, serde_json::Error> {
        let mut body = Map::new();
        put(&mut body, "model", Some(&*request.model));
        put(&mut body, "stream", Some(true));
        put(&mut body, "options", Some(options(request, traits)));
        put(
            &mut body,
            "think",
            traits.thinking_tokens.map(|tokens| tokens > 0),
        );
        // A prompt that is too long is to be refused: it is compiled anew then.
        put(&mut body, "truncate", Some(false));
        put(&mut body, "shift", Some(false));
        match &*request.prompt {
            Prompt::Chat(messages) => {
                let messages = roles::arranged(messages, traits.roles);
                put(&mut body, "messages", Some(plain_messages(&messages)));
                post("chat", &body)
            }
            Prompt::Text(text) => {
                put(&mut body, "prompt", Some(&**text));
                put(&mut body, "raw", Some(true));
                post("generate", &body)
            }
        }
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(LineReader)
    }

    fn takes_stop(&self, _index: usize, _text: &str, _traits: &Traits) -> bool {
        true
    }

    fn list_path(&self) -> &'static str {
        "tags"
    }

    fn embedding(&self, model: &str, texts: &[&str], _purpose: Purpose) -> Option<Outgoing> {
        post(
            "embed",
            &json!({"model": model, "input": texts, "truncate": true}),
        )
        .ok()
    }

    fn vectors<'a>(&self, answer: &'a Value) -> Vec<(usize, &'a Value)> {
        list(answer, "embeddings").enumerate().collect()
    }

    fn embedded_tokens(&self, answer: &Value) -> Option<u32> {
        count(answer, "prompt_eval_count")
    }
}

fn options(request: &Request, traits: &Traits) -> Map<String, Value> {
    let sampling = request.sampling;
    let mut options = Map::new();
    put(&mut options, "num_ctx", Some(request.window_tokens));
    // Thoughts count.
    let most = request
        .max_tokens
        .saturating_add(traits.thinking_tokens.unwrap_or(0));
    put(&mut options, "num_predict", Some(most));
    put(
        &mut options,
        "temperature",
        traits.given("temperature", sampling.temperature.map(decimal)),
    );
    put(
        &mut options,
        "top_p",
        traits.given("top_p", sampling.top_p.map(decimal)),
    );
    put(&mut options, "top_k", traits.given("top_k", sampling.top_k));
    put(
        &mut options,
        "min_p",
        traits.given("min_p", sampling.min_p.map(decimal)),
    );
    let penalty = sampling.repetition_penalty.map(decimal);
    put(
        &mut options,
        "repeat_penalty",
        traits.given("repeat_penalty", penalty),
    );
    put(&mut options, "seed", traits.given("seed", sampling.seed));
    let stop = told_stop_texts(&Ollama, request, traits);
    put(
        &mut options,
        "stop",
        Some(stop).filter(|stop| !stop.is_empty()),
    );
    options
}

/// Asks for what the list of models doesn't say: what each of them can, and the window that it was made for.
pub(crate) async fn describe(endpoint: &Endpoint, found: &mut Vec<Found>) {
    let mut others = Vec::new();
    for model in found.iter_mut().take(MOST_DESCRIBED) {
        let Ok(question) = post("show", &json!({"model": model.id()})) else {
            continue;
        };
        let Ok(said) = endpoint.ask(&question.path, question.body).await else {
            continue;
        };
        model.take_window(window(&said));
        let mut skills = list(&said, "capabilities")
            .filter_map(Value::as_str)
            .peekable();
        if skills.peek().is_some() && !skills.any(|skill| skill == "completion") {
            others.push(model.id().to_owned());
        }
    }
    found.retain(|model| !others.iter().any(|other| other == model.id()));
}

/// `llama.context_length`, `gemma3.context_length`, and so on.
fn window(said: &Value) -> Option<u32> {
    let about = said.get("model_info")?;
    let mut names = about.as_object()?.keys();
    let name = names.find(|name| name.ends_with(".context_length"))?;
    count(about, name).filter(|tokens| *tokens > 0)
}

/// Reads lines, or a whole answer, which is one. Every line stands for itself.
#[derive(Debug)]
struct LineReader;

impl Reader for LineReader {
    fn read(&mut self, _event: &str, data: &Value, pieces: &mut Vec<Piece>) {
        let message = data.get("message").unwrap_or(data);
        let is_there = |key: &&str| match message.get(*key) {
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(values)) => !values.is_empty(),
            _ => false,
        };
        if ["thinking", "tool_calls"].iter().any(is_there) {
            pieces.push(Piece::Thought);
        }
        let said = text(message, "content").or_else(|| text(data, "response"));
        let said = said.filter(|said| !said.is_empty());
        pieces.extend(said.map(|said| Piece::Text(said.to_owned())));
        pieces.extend(failure::told_by(data).map(Piece::Failed));
        if data.get("done").and_then(Value::as_bool) != Some(true) {
            return;
        }
        pieces.push(Piece::Usage(Figures {
            prompt: count(data, "prompt_eval_count"),
            completion: count(data, "eval_count"),
            ..Figures::default()
        }));
        let reason = data.get("done_reason").and_then(Ending::of_value);
        pieces.push(Piece::Finish(reason.unwrap_or(Ending::Stop)));
        pieces.push(Piece::Done);
    }
}

#[cfg(test)]
mod tests;
