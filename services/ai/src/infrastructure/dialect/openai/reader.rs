//! Reads completions, chat or text, as OpenAI and those who imitate it write them: piece by piece, or as a whole.

use serde_json::Value;

use crate::infrastructure::upstream::piece::{count, whole};
use crate::infrastructure::upstream::{Ending, Figures, Piece, Reader, failure};

/// Members with thoughts.
const THOUGHTS: &[&str] = &[
    "reasoning_content",
    "reasoning",
    "thinking",
    "reasoning_details",
    "thoughts",
];
/// Members with what is no text.
const OTHERS: &[&str] = &["tool_calls", "function_call", "audio", "images"];

/// Reads completions. Every event stands for itself.
#[derive(Debug, Default)]
pub(super) struct CompletionReader;

impl Reader for CompletionReader {
    fn read(&mut self, _event: &str, data: &Value, pieces: &mut Vec<Piece>) {
        let choice = data.get("choices").and_then(choice);
        if let Some(source) = choice.map(source) {
            let is_there = |key: &&str| source.get(*key).is_some_and(is_something);
            if THOUGHTS.iter().chain(OTHERS).any(is_there) {
                pieces.push(Piece::Thought);
            }
            read_text(source, pieces);
        }
        pieces.extend(figures(data).map(Piece::Usage));
        pieces.extend(
            failure::told_by(data)
                .or_else(|| failure::told_by(choice?))
                .map(Piece::Failed),
        );
        let reason = choice.and_then(|choice| choice.get("finish_reason"));
        pieces.extend(reason.and_then(Ending::of_value).map(Piece::Finish));
    }
}

/// The choice that is the reply. Only one is asked for, and some servers count events in its index.
fn choice(choices: &Value) -> Option<&Value> {
    let choices = match choices {
        Value::Array(choices) => choices.as_slice(),
        Value::Object(_) => std::slice::from_ref(choices),
        _ => return None,
    };
    let is_first = |choice: &&Value| choice.get("index").and_then(whole) == Some(0);
    choices
        .iter()
        .find(is_first)
        .or_else(|| choices.iter().find(|choice| choice.is_object()))
}

/// Where a choice has its text. Where it has a delta, a message beside it has the same text, or the whole one.
fn source(choice: &Value) -> &Value {
    let mut members = ["delta", "message"]
        .into_iter()
        .filter_map(|key| choice.get(key));
    members.find(|source| source.is_object()).unwrap_or(choice)
}

/// Adds the texts of a delta or a message: a text, a list of parts, or the `text` of a text completion.
fn read_text(source: &Value, pieces: &mut Vec<Piece>) {
    for key in ["content", "text", "refusal"] {
        if let Some(content) = source.get(key) {
            read_content(content, pieces);
        }
    }
}

fn read_content(content: &Value, pieces: &mut Vec<Piece>) {
    match content {
        Value::String(text) if !text.is_empty() => pieces.push(Piece::Text(text.clone())),
        Value::Array(parts) => parts.iter().for_each(|part| read_part(part, pieces)),
        Value::Object(_) => read_part(content, pieces),
        _ => {}
    }
}

/// A part is text by its type, or where it has none.
fn read_part(part: &Value, pieces: &mut Vec<Piece>) {
    if let Value::String(text) = part {
        return read_content(&Value::String(text.clone()), pieces);
    }
    let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
    match kind {
        "text" | "output_text" | "input_text" | "text_delta" => {
            let text = part.get("text").or_else(|| part.get("content"));
            // Some have it as `{"value": …}`.
            let text = text.map(|text| text.get("value").unwrap_or(text));
            if let Some(Value::String(text)) = text {
                pieces.push(Piece::Text(text.clone()));
            }
        }
        _ => pieces.push(Piece::Thought),
    }
}

/// Figures come on a last event without choices (OpenAI), on one with (others), or on each: the last ones count.
pub(in crate::infrastructure::dialect) fn figures(data: &Value) -> Option<Figures> {
    // Groq has them elsewhere.
    let usage = data.get("usage").filter(|usage| usage.is_object());
    let usage = usage.or_else(|| data.get("x_groq")?.get("usage"))?;
    let first = |keys: &[&str]| keys.iter().find_map(|key| count(usage, key));
    let in_details = |details: &[&str], key| {
        details
            .iter()
            .find_map(|details| count(usage.get(details)?, key))
    };
    let (prompt, completion) = (
        &["prompt_tokens_details", "input_tokens_details"],
        &["completion_tokens_details", "output_tokens_details"],
    );
    let cached = in_details(prompt, "cached_tokens")
        .or_else(|| first(&["prompt_cache_hit_tokens", "cached_tokens"]))
        // llama.cpp's own figures.
        .or_else(|| count(data.get("timings")?, "cache_n"));
    Some(Figures {
        prompt: first(&["prompt_tokens", "input_tokens"]),
        cached,
        // OpenRouter's.
        cache_written: in_details(prompt, "cache_write_tokens"),
        completion: first(&["completion_tokens", "output_tokens"]),
        reasoning: in_details(completion, "reasoning_tokens"),
    })
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
