//! `/v1/chat/completions`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tonic::Status;

use super::ask::parsed;
use super::chunks::{DONE, Pen, put_data};
use super::content::{RawMessage, Told, messages};
use super::error;
use super::reply::{Finished, Head, Reply, Usage, finish_reason};
use crate::json::write_string;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    messages: Vec<RawMessage>,
}

/// What a request says.
pub(super) fn told(body: &[u8]) -> Result<Told, Status> {
    let request: Request = parsed(body)?;
    messages("messages", request.messages).map(Told::Chat)
}

/// A reply that is here.
pub(super) fn whole(head: &Head, reply: &Reply) -> Value {
    let finished = reply.finished.clone().unwrap_or_default();
    json!({
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": reply.text, "refusal": null },
            "logprobs": null,
            "finish_reason": finish_reason(&finished),
        }],
        "usage": Usage::of(&finished),
    })
}

/// Writes chunks. What is the same in all of them is written once.
#[derive(Debug)]
pub(super) struct ChatPen {
    /// Up to the choices.
    head: Vec<u8>,
    include_usage: bool,
}

#[derive(Serialize)]
struct ChunkHead<'h> {
    id: &'h str,
    object: &'static str,
    created: i64,
    model: &'h str,
}

/// The beginning of each chunk, up to the choices.
pub(super) fn chunk_head(head: &Head, object: &'static str) -> Vec<u8> {
    let chunk = ChunkHead {
        id: &head.id,
        object,
        created: head.created,
        model: &head.model,
    };
    // Texts and a number: nothing of them fails.
    let mut text = serde_json::to_vec(&chunk).unwrap_or_default();
    text.pop();
    text.extend_from_slice(b",\"choices\":[");
    text
}

/// A chunk with these choices.
pub(super) fn put_chunk(
    head: &[u8],
    usage: Option<&str>,
    out: &mut Vec<u8>,
    choices: impl FnOnce(&mut Vec<u8>),
) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(head);
    choices(out);
    out.push(b']');
    if let Some(usage) = usage {
        out.extend_from_slice(b",\"usage\":");
        out.extend_from_slice(usage.as_bytes());
    }
    out.extend_from_slice(b"}\n\n");
}

/// The last chunk, if it was asked for: without choices, and with what the reply took.
pub(super) fn put_usage(head: &[u8], finished: &Finished, out: &mut Vec<u8>) {
    let usage = serde_json::to_string(&Usage::of(finished)).unwrap_or_default();
    put_chunk(head, Some(&usage), out, |_| {});
}

impl ChatPen {
    pub(super) fn new(head: &Head) -> Self {
        Self {
            head: chunk_head(head, "chat.completion.chunk"),
            include_usage: head.include_usage,
        }
    }

    fn chunk(&self, out: &mut Vec<u8>, delta: impl FnOnce(&mut Vec<u8>), reason: &str) {
        let usage = self.include_usage.then_some("null");
        put_chunk(&self.head, usage, out, |out| {
            out.extend_from_slice(b"{\"index\":0,\"delta\":");
            delta(out);
            out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
            out.extend_from_slice(reason.as_bytes());
            out.push(b'}');
        });
    }
}

impl Pen for ChatPen {
    fn open(&mut self, out: &mut Vec<u8>) {
        let delta = b"{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}";
        self.chunk(out, |out| out.extend_from_slice(delta), "null");
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        out.reserve(self.head.len() + text.len() + 128);
        let delta = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"{\"content\":");
            write_string(out, text);
            out.push(b'}');
        };
        self.chunk(out, delta, "null");
    }

    fn close(&mut self, finished: &Finished, out: &mut Vec<u8>) {
        let reason = format!("\"{}\"", finish_reason(finished));
        self.chunk(out, |out| out.extend_from_slice(b"{}"), &reason);
        if self.include_usage {
            put_usage(&self.head, finished, out);
        }
    }

    fn fail(&mut self, error: &error::Told, out: &mut Vec<u8>) {
        put_data(&error.json(), out);
    }

    fn done(&self) -> &'static [u8] {
        DONE
    }
}
