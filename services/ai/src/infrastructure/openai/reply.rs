//! Reads the events of a completion, chat or text: a pure state machine that the events' data is fed to.

use serde::Deserialize;
use serde_json::Value;

use super::failure;
use super::text::{Fragment, Joiner};
use crate::domain::{Event, FinishReason, ProviderError, TokenUsage};

/// The event that ends a stream.
const DONE: &[u8] = b"[DONE]";

/// What has been read of a reply.
#[derive(Debug, Default)]
pub(super) struct ReplyReader {
    finish: Option<FinishReason>,
    usage: Option<TokenUsage>,
    done: bool,
    joiner: Joiner,
}

/// What the data of an event amounts to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More of the reply.
    Text(String),
    /// Nothing to show, such as a role, a thought or figures.
    Nothing,
    /// The stream has come to its end.
    Done,
}

/// How far a reply has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The model is at it.
    Running,
    /// The model has said why it ended; figures may follow.
    Finished,
    /// Nothing follows.
    Done,
}

impl ReplyReader {
    /// Takes the data of the next event.
    pub(super) fn read(&mut self, data: &[u8]) -> Result<Step, ProviderError> {
        if data.trim_ascii() == DONE {
            self.done = true;
            return Ok(Step::Done);
        }
        let chunk: Chunk = serde_json::from_slice(data).map_err(|error| {
            // The message of serde_json names a place and a kind of fault, and quotes no text of the reply.
            let cause = format!(
                "an event of the stream is not a completion: {:?}",
                error.classify()
            );
            ProviderError::Unavailable { cause }
        })?;
        if let Some(error) = &chunk.error {
            return Err(failure::of_event(error));
        }
        self.take_figures(&chunk);
        let Some(choice) = chunk.choices.into_iter().flatten().find(|c| c.index == 0) else {
            return Ok(Step::Nothing);
        };
        if let Some(reason) = &choice.finish_reason {
            self.finish = Some(finish_reason(reason));
        }
        let fragment = choice.delta.and_then(|delta| delta.content).or(choice.text);
        let mut text = fragment.map_or_else(String::new, |it| self.joiner.push(it));
        if self.finish.is_some() {
            text.push_str(&self.joiner.finish());
        }
        Ok(match text.is_empty() {
            true => Step::Nothing,
            false => Step::Text(text),
        })
    }

    /// How far the reply has come.
    pub(super) fn progress(&self) -> Progress {
        match (self.done, self.finish) {
            (true, _) => Progress::Done,
            (false, Some(_)) => Progress::Finished,
            (false, None) => Progress::Running,
        }
    }

    /// The end of the reply, once nothing follows. A stream that ends without a reason and without `[DONE]` was cut.
    pub(super) fn finish(&self) -> Result<Event, ProviderError> {
        let reason = match self.finish {
            Some(reason) => reason,
            None if self.done => FinishReason::Stop,
            None => {
                let cause = "the stream ended in the middle of the reply".to_owned();
                return Err(ProviderError::Unavailable { cause });
            }
        };
        Ok(Event::Finished {
            reason,
            usage: self.usage,
        })
    }

    /// Figures come on a last event without choices (OpenAI), on one with (others), or on each: the last ones count.
    fn take_figures(&mut self, chunk: &Chunk) {
        let Some(usage) = &chunk.usage else { return };
        let cached = usage.prompt_tokens_details.as_ref();
        let cached = cached.and_then(|details| details.cached_tokens);
        let in_timings = chunk.timings.as_ref().and_then(|timings| timings.cache_n);
        self.usage = Some(TokenUsage {
            prompt: usage.prompt_tokens.unwrap_or_default(),
            cached: cached.or(in_timings).unwrap_or_default(),
            completion: usage.completion_tokens.unwrap_or_default(),
        });
    }
}

/// Reasons are open-ended; one that isn't known still is an end.
fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "length" | "max_tokens" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
    /// llama.cpp's own figures.
    timings: Option<Timings>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    delta: Option<Delta>,
    /// In place of the delta, from `/completions`.
    text: Option<Fragment>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<Fragment>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct Timings {
    cache_n: Option<u32>,
}

#[cfg(test)]
mod tests;
