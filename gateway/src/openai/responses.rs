//! `/v1/responses`, as far as it is text and nothing is stored.

use serde::Deserialize;
use serde_json::{Value, json};
use tonic::Status;
use troupe_proto::error::invalid_field;
use troupe_proto::types::{ChatRole, FinishReason};

use super::ask::parsed;
use super::chunks::Pen;
use super::content::{RawMessage, Said, Told, messages};
use super::error;
use super::reply::{Finished, Head, Reply, named};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    input: Option<Input>,
    instructions: Option<String>,
}

/// What a person says, or a chat.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Items(Vec<RawMessage>),
}

/// What a request says.
pub(super) fn told(body: &[u8]) -> Result<Told, Status> {
    let request: Request = parsed(body)?;
    let said = |role, text| Said {
        role,
        text,
        name: String::new(),
    };
    let instructions = request.instructions.filter(|text| !text.is_empty());
    let instructions = instructions.map(|text| said(ChatRole::System, text));
    let input = match request.input {
        Some(Input::Text(text)) if !text.is_empty() => vec![said(ChatRole::User, text)],
        Some(Input::Items(items)) => messages("input", items)?,
        _ => return Err(invalid_field("input", "must be a text or messages")),
    };
    Ok(Told::Chat(instructions.into_iter().chain(input).collect()))
}

/// A reply that is here.
pub(super) fn whole(head: &Head, reply: &Reply) -> Value {
    let finished = reply.finished.clone().unwrap_or_default();
    let item = item(&named("msg_"), &reply.text, "completed");
    response(head, vec![item], Some(&finished))
}

fn item(id: &str, text: &str, status: &str) -> Value {
    json!({
        "type": "message",
        "id": id,
        "status": status,
        "role": "assistant",
        "content": [part(text)],
    })
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

/// A response; under way where it hasn't finished.
fn response(head: &Head, output: Vec<Value>, finished: Option<&Finished>) -> Value {
    let incomplete = match finished.map(|finished| finished.reason) {
        Some(FinishReason::Length) => Some("max_output_tokens"),
        Some(FinishReason::ContentFilter) => Some("content_filter"),
        _ => None,
    };
    let status = match (finished, incomplete) {
        (None, _) => "in_progress",
        (Some(_), Some(_)) => "incomplete",
        (Some(_), None) => "completed",
    };
    json!({
        "id": head.id,
        "object": "response",
        "created_at": head.created,
        "status": status,
        "error": null,
        "incomplete_details": incomplete.map(|reason| json!({ "reason": reason })),
        "instructions": null,
        "metadata": {},
        "model": head.model,
        "output": output,
        "parallel_tool_calls": false,
        "previous_response_id": null,
        "store": false,
        "text": { "format": { "type": "text" } },
        "tool_choice": "none",
        "tools": [],
        "truncation": "disabled",
        "usage": finished.map(usage),
    })
}

fn usage(finished: &Finished) -> Value {
    let usage = finished.usage.unwrap_or_default();
    json!({
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": { "cached_tokens": usage.cached_tokens },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": usage.prompt_tokens.saturating_add(usage.completion_tokens),
    })
}

/// Writes events. The last ones have all of the text.
#[derive(Debug)]
pub(super) struct ResponsePen {
    head: Head,
    item: String,
    text: String,
    next: u64,
}

impl ResponsePen {
    pub(super) fn new(head: Head) -> Self {
        Self {
            head,
            item: named("msg_"),
            text: String::new(),
            next: 0,
        }
    }

    fn put(&mut self, name: &str, mut event: Value, out: &mut Vec<u8>) {
        event["type"] = name.into();
        event["sequence_number"] = self.next.into();
        self.next += 1;
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        out.extend_from_slice(event.to_string().as_bytes());
        out.extend_from_slice(b"\n\n");
    }

    /// An event of the only part of the only item.
    fn put_part(&mut self, name: &str, mut event: Value, out: &mut Vec<u8>) {
        event["item_id"] = self.item.clone().into();
        event["output_index"] = 0.into();
        event["content_index"] = 0.into();
        self.put(name, event, out);
    }
}

impl Pen for ResponsePen {
    fn open(&mut self, out: &mut Vec<u8>) {
        for name in ["response.created", "response.in_progress"] {
            let response = response(&self.head, Vec::new(), None);
            self.put(name, json!({ "response": response }), out);
        }
        let mut item = item(&self.item, "", "in_progress");
        item["content"] = json!([]);
        let added = json!({ "output_index": 0, "item": item });
        self.put("response.output_item.added", added, out);
        let added = json!({ "part": part("") });
        self.put_part("response.content_part.added", added, out);
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.text.push_str(text);
        let delta = json!({ "delta": text, "logprobs": [] });
        self.put_part("response.output_text.delta", delta, out);
    }

    fn close(&mut self, finished: &Finished, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.text);
        let done = json!({ "text": text, "logprobs": [] });
        self.put_part("response.output_text.done", done, out);
        let done = json!({ "part": part(&text) });
        self.put_part("response.content_part.done", done, out);
        let item = item(&self.item, &text, "completed");
        let done = json!({ "output_index": 0, "item": item });
        self.put("response.output_item.done", done, out);
        let response = response(&self.head, vec![item], Some(finished));
        let name = match response["status"].as_str() {
            Some("incomplete") => "response.incomplete",
            _ => "response.completed",
        };
        self.put(name, json!({ "response": response }), out);
    }

    fn fail(&mut self, error: &error::Told, out: &mut Vec<u8>) {
        let (code, message) = (error.code(), error.message());
        let event = json!({ "code": code, "message": message, "param": null });
        self.put("error", event, out);
        let mut failed = response(&self.head, Vec::new(), None);
        failed["status"] = "failed".into();
        failed["error"] = json!({ "code": code.unwrap_or("server_error"), "message": message });
        self.put("response.failed", json!({ "response": failed }), out);
    }

    fn done(&self) -> &'static [u8] {
        b""
    }
}
