//! `/v1/completions`.

use serde::Deserialize;
use serde_json::{Value, json};
use tonic::Status;
use troupe_proto::error::invalid_field;

use super::ask::parsed;
use super::chat::{chunk_head, put_chunk, put_usage};
use super::chunks::{DONE, Pen, put_data};
use super::content::Told;
use super::error;
use super::reply::{Finished, Head, Reply, Usage, finish_reason};
use crate::json::write_string;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    prompt: Option<Prompt>,
}

/// A text. Tokens aren't taken: nobody knows by whose tokenizer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Prompt {
    One(String),
    Several(Vec<Value>),
}

/// What a request says.
pub(super) fn told(body: &[u8]) -> Result<Told, Status> {
    let request: Request = parsed(body)?;
    let text = match request.prompt {
        Some(Prompt::One(text)) => Some(text),
        Some(Prompt::Several(texts)) => match texts.as_slice() {
            [Value::String(text)] => Some(text.clone()),
            _ => None,
        },
        None => None,
    };
    let text = text.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| invalid_field("prompt", "must be one text"))?;
    Ok(Told::Text(text))
}

/// A reply that is here.
pub(super) fn whole(head: &Head, reply: &Reply) -> Value {
    let finished = reply.finished.clone().unwrap_or_default();
    json!({
        "id": head.id,
        "object": "text_completion",
        "created": head.created,
        "model": head.model,
        "choices": [{
            "index": 0,
            "text": reply.text,
            "logprobs": null,
            "finish_reason": finish_reason(&finished),
        }],
        "usage": Usage::of(&finished),
    })
}

/// Writes chunks.
#[derive(Debug)]
pub(super) struct TextPen {
    /// Up to the choices.
    head: Vec<u8>,
    include_usage: bool,
}

impl TextPen {
    pub(super) fn new(head: &Head) -> Self {
        Self {
            head: chunk_head(head, "text_completion"),
            include_usage: head.include_usage,
        }
    }

    fn chunk(&self, text: &str, reason: &str, out: &mut Vec<u8>) {
        let usage = self.include_usage.then_some("null");
        put_chunk(&self.head, usage, out, |out| {
            out.extend_from_slice(b"{\"index\":0,\"text\":");
            write_string(out, text);
            out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
            out.extend_from_slice(reason.as_bytes());
            out.push(b'}');
        });
    }
}

impl Pen for TextPen {
    fn open(&mut self, _: &mut Vec<u8>) {}

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.chunk(text, "null", out);
    }

    fn close(&mut self, finished: &Finished, out: &mut Vec<u8>) {
        let reason = format!("\"{}\"", finish_reason(finished));
        self.chunk("", &reason, out);
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
