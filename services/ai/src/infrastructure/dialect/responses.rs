//! OpenAI's Responses.

use serde_json::{Map, Value, json};

use super::openai::{OpenAi, figures};
use super::{Dialect, Traits, decimal, list, messages, plain_messages, post, put, text};
use crate::domain::Request;
use crate::domain::embedder::Purpose;
use crate::infrastructure::roles;
use crate::infrastructure::upstream::{Ending, Outgoing, Piece, Reader, failure};

#[derive(Debug)]
pub(super) struct Responses;

impl Dialect for Responses {
    fn completion(
        &self,
        request: &Request,
        traits: &Traits,
    ) -> Result<Outgoing, serde_json::Error> {
        let messages = messages(&request.prompt);
        let messages = roles::arranged(&messages, traits.roles);
        let sampling = request.sampling;
        let mut body = Map::new();
        put(&mut body, "model", Some(&*request.model));
        put(&mut body, "input", Some(plain_messages(&messages)));
        put(&mut body, "stream", Some(true));
        // The chat is ours to keep.
        put(&mut body, "store", Some(false));
        put(&mut body, "max_output_tokens", Some(request.max_tokens));
        put(
            &mut body,
            "temperature",
            traits.given("temperature", sampling.temperature.map(decimal)),
        );
        put(
            &mut body,
            "top_p",
            traits.given("top_p", sampling.top_p.map(decimal)),
        );
        // OpenAI pads its events unless told not to.
        let unpadded = traits
            .is_openai
            .then(|| json!({"include_obfuscation": false}));
        put(
            &mut body,
            "stream_options",
            traits.given("stream_options", unpadded),
        );
        post("responses", &body)
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(EventReader)
    }

    /// There is no field for them.
    fn takes_stop(&self, _index: usize, _text: &str, _traits: &Traits) -> bool {
        false
    }

    fn embedding(&self, model: &str, texts: &[&str], purpose: Purpose) -> Option<Outgoing> {
        OpenAi.embedding(model, texts, purpose)
    }

    fn vectors<'a>(&self, answer: &'a Value) -> Vec<(usize, &'a Value)> {
        OpenAi.vectors(answer)
    }

    fn embedded_tokens(&self, answer: &Value) -> Option<u32> {
        OpenAi.embedded_tokens(answer)
    }
}

/// Reads events by their type, or a whole response. Every event stands for itself.
#[derive(Debug)]
struct EventReader;

impl Reader for EventReader {
    fn read(&mut self, event: &str, data: &Value, pieces: &mut Vec<Piece>) {
        let response = data.get("response").unwrap_or(&Value::Null);
        match text(data, "type").unwrap_or(event) {
            "response.output_text.delta" | "response.refusal.delta" => {
                let more = text(data, "delta").filter(|more| !more.is_empty());
                pieces.extend(more.map(|more| Piece::Text(more.to_owned())));
            }
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled" => {
                end(response, pieces);
            }
            "error" => pieces.push(Piece::Failed(failure::of_error(data))),
            kind if kind.ends_with(".delta") => pieces.push(Piece::Thought),
            _ if text(data, "object") == Some("response") && data.get("output").is_some() => {
                list(data, "output").for_each(|item| read_item(item, pieces));
                end(data, pieces);
            }
            kind if kind.starts_with("response.") => {}
            _ => pieces.extend(failure::told_by(data).map(Piece::Failed)),
        }
    }
}

/// An item of a whole response.
fn read_item(item: &Value, pieces: &mut Vec<Piece>) {
    if text(item, "type") != Some("message") {
        return pieces.push(Piece::Thought);
    }
    for part in list(item, "content") {
        let said = text(part, "text").or_else(|| text(part, "refusal"));
        let said = said.filter(|said| !said.is_empty());
        pieces.extend(said.map(|said| Piece::Text(said.to_owned())));
    }
}

fn end(response: &Value, pieces: &mut Vec<Piece>) {
    pieces.extend(figures(response).map(Piece::Usage));
    pieces.extend(failure::told_by(response).map(Piece::Failed));
    let details = response.get("incomplete_details");
    let reason = details.and_then(|details| text(details, "reason"));
    let status = text(response, "status").filter(|status| *status != "incomplete");
    let ending = reason.or(status).and_then(Ending::of_reason);
    pieces.push(Piece::Finish(ending.unwrap_or(Ending::Length)));
    pieces.push(Piece::Done);
}

#[cfg(test)]
mod tests;
