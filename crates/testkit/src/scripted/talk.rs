//! Replies that are made up from what was said, the same each time.

use serde_json::Value;

use super::Reply;

/// How much of what was said is repeated.
const MAX_WORDS: usize = 12;

/// The reply to the server's `number`th completion: says its number, so that a swipe differs, and repeats the last words
/// of the person. Holds to the request's limit and stop texts.
pub(super) fn reply_to(body: &Value, number: usize) -> Reply {
    let said = last_said(body);
    let words: Vec<&str> = said.split_whitespace().collect();
    let last = words[words.len().saturating_sub(MAX_WORDS)..].join(" ");
    let mut text = format!("*nods* This is reply {number}. You said: {last}");
    for stop in body["stop"].as_array().into_iter().flatten() {
        let end = stop.as_str().and_then(|stop| text.find(stop));
        text.truncate(end.unwrap_or(text.len()));
    }
    let limit = ["max_tokens", "max_completion_tokens"].map(|key| body[key].as_u64());
    let limit = limit.into_iter().flatten().min().unwrap_or(u64::MAX);
    let mut tokens: Vec<&str> = text.split_inclusive(' ').collect();
    if tokens.len() as u64 <= limit {
        return Reply::tokens(tokens);
    }
    tokens.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Reply::tokens(tokens).finish("length")
}

/// The last user message, or, of a text prompt, the last line in which somebody says something.
fn last_said(body: &Value) -> &str {
    if let Some(prompt) = body["prompt"].as_str() {
        let mut lines = prompt
            .lines()
            .rev()
            .filter_map(|line| line.split_once(": "));
        let said = lines.find(|(_, said)| !said.trim().is_empty());
        return said.map_or("", |(_, said)| said);
    }
    let mut messages = body["messages"].as_array().into_iter().flatten().rev();
    let last = messages.find(|message| message["role"] == "user");
    last.and_then(|message| message["content"].as_str())
        .unwrap_or_default()
}

/// The words of a prompt, chat or text: what the server counts as its tokens.
pub(super) fn prompt_tokens(body: &Value) -> usize {
    let words = |text: &Value| {
        text.as_str()
            .map_or(0, |text| text.split_whitespace().count())
    };
    let messages = body["messages"].as_array().into_iter().flatten();
    words(&body["prompt"])
        + messages
            .map(|message| words(&message["content"]))
            .sum::<usize>()
}
