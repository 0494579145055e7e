//! Cohere, version 2.

use serde_json::{Map, Value, json};

use super::{
    Dialect, Traits, decimal, list, messages, plain_messages, post, put, text, told_stop_texts,
};
use crate::domain::Request;
use crate::domain::embedder::Purpose;
use crate::infrastructure::roles;
use crate::infrastructure::upstream::piece::count;
use crate::infrastructure::upstream::{Ending, Figures, Outgoing, Piece, Reader, failure};

/// More make it refuse the request.
const STOP_TEXTS: usize = 5;
/// The least and the most of `p`.
const SHARES: (f32, f32) = (0.01, 0.99);
/// The most of `k`.
const MOST_LIKELY: i32 = 500;

#[derive(Debug)]
pub(super) struct Cohere;

impl Dialect for Cohere {
    fn completion(
        &self,
        request: &Request,
        traits: &Traits,
    ) -> Result<Outgoing, serde_json::Error> {
        let messages = messages(&request.prompt);
        let messages = roles::arranged(&messages, traits.roles);
        let sampling = request.sampling;
        let thinking = traits.thinking_tokens;
        let mut body = Map::new();
        put(&mut body, "model", Some(&*request.model));
        put(&mut body, "messages", Some(plain_messages(&messages)));
        put(&mut body, "stream", Some(true));
        // Thoughts count.
        let most = request.max_tokens.saturating_add(thinking.unwrap_or(0));
        put(&mut body, "max_tokens", Some(most));
        put(
            &mut body,
            "temperature",
            traits.given("temperature", sampling.temperature.map(decimal)),
        );
        let share = sampling
            .top_p
            .map(|share| decimal(share.clamp(SHARES.0, SHARES.1)));
        put(&mut body, "p", traits.given("top_p", share));
        let likely = sampling
            .top_k
            .filter(|likely| (1..=MOST_LIKELY).contains(likely));
        put(&mut body, "k", traits.given("top_k", likely));
        let seed = sampling.seed.filter(|seed| !seed.is_negative());
        put(&mut body, "seed", traits.given("seed", seed));
        let stop = told_stop_texts(&Self, request, traits);
        put(
            &mut body,
            "stop_sequences",
            Some(stop).filter(|stop| !stop.is_empty()),
        );
        put(
            &mut body,
            "thinking",
            thinking.map(|tokens| match tokens {
                0 => json!({"type": "disabled"}),
                tokens => json!({"type": "enabled", "token_budget": tokens}),
            }),
        );
        post("chat", &body)
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(EventReader)
    }

    fn takes_stop(&self, index: usize, _text: &str, _traits: &Traits) -> bool {
        index < STOP_TEXTS
    }

    /// Its list of models is of version 1 alone.
    fn list_path(&self) -> &'static str {
        "/v1/models?page_size=1000"
    }

    fn embedding(&self, model: &str, texts: &[&str], purpose: Purpose) -> Option<Outgoing> {
        let purpose = match purpose {
            Purpose::Document => "search_document",
            Purpose::Query => "search_query",
        };
        let body = json!({
            "model": model,
            "texts": texts,
            "input_type": purpose,
            "embedding_types": ["float"],
            "truncate": "END",
        });
        post("embed", &body).ok()
    }

    fn vectors<'a>(&self, answer: &'a Value) -> Vec<(usize, &'a Value)> {
        let by_type = answer.get("embeddings").unwrap_or(&Value::Null);
        list(by_type, "float").enumerate().collect()
    }

    fn embedded_tokens(&self, answer: &Value) -> Option<u32> {
        count(answer.get("meta")?.get("billed_units")?, "input_tokens")
    }
}

/// Reads events by their type, or a whole answer, which has none. Every event stands for itself.
#[derive(Debug)]
struct EventReader;

impl Reader for EventReader {
    fn read(&mut self, event: &str, data: &Value, pieces: &mut Vec<Piece>) {
        let delta = data.get("delta").unwrap_or(&Value::Null);
        let message = delta.get("message").unwrap_or(&Value::Null);
        match text(data, "type").unwrap_or(event) {
            "content-start" | "content-delta" => {
                pieces.extend(message.get("content").and_then(content));
            }
            "message-end" => end(delta, pieces),
            "tool-plan-delta" | "tool-call-start" | "tool-call-delta" => {
                pieces.push(Piece::Thought);
            }
            "" if data.get("finish_reason").is_some() => {
                let message = data.get("message").unwrap_or(&Value::Null);
                pieces.extend(list(message, "content").filter_map(content));
                end(data, pieces);
            }
            _ => pieces.extend(failure::told_by(data).map(Piece::Failed)),
        }
    }
}

/// More of a text or of a thought.
fn content(content: &Value) -> Option<Piece> {
    let said = |key| text(content, key).filter(|text| !text.is_empty());
    match said("text") {
        Some(text) => Some(Piece::Text(text.to_owned())),
        None => said("thinking").map(|_| Piece::Thought),
    }
}

fn end(end: &Value, pieces: &mut Vec<Piece>) {
    pieces.extend(end.get("usage").map(figures).map(Piece::Usage));
    // Its words say more than the reason.
    pieces.extend(failure::told_by(end).map(Piece::Failed));
    let reason = end.get("finish_reason").and_then(Ending::of_value);
    pieces.extend(reason.map(Piece::Finish));
    pieces.push(Piece::Done);
}

/// What is charged for, which is less than what was read: the provider's own words around the prompt are free.
fn figures(usage: &Value) -> Figures {
    let of = |key| {
        let units = usage
            .get("billed_units")
            .and_then(|units| count(units, key));
        units.or_else(|| count(usage.get("tokens")?, key))
    };
    Figures {
        prompt: of("input_tokens"),
        cached: count(usage, "cached_tokens"),
        completion: of("output_tokens"),
        ..Figures::default()
    }
}

#[cfg(test)]
mod tests;
