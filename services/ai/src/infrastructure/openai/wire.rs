//! The request as OpenAI-compatible servers take it.

use serde::Serialize;

use crate::config::MaxTokensField;
use crate::domain::provider::{Message, Prompt, Request, Role};

/// How OpenAI itself limits stop texts; more make it refuse the request.
const OPENAI_STOP_TEXTS: usize = 4;

/// What a server takes for a model, apart from what all of them take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    /// Whether it is OpenAI itself, which refuses fields that it doesn't know.
    pub(super) is_openai: bool,
    pub(super) max_tokens_field: MaxTokensField,
    /// Whether it takes `name` of messages.
    pub(super) names: bool,
    /// Whether it takes `top_k`, `min_p` and the repetition penalty.
    pub(super) extended_sampling: bool,
    /// Whether it must be told to go on with a last message of the assistant.
    pub(super) continue_flag: bool,
    /// Whether it repeats a last message of the assistant before it goes on with it.
    pub(super) echoes: bool,
}

/// The path of the request and its body.
pub(super) fn encode(
    request: &Request,
    traits: Traits,
) -> Result<(&'static str, Vec<u8>), serde_json::Error> {
    let path = match &*request.prompt {
        Prompt::Chat(_) => "chat/completions",
        Prompt::Text(_) => "completions",
    };
    Ok((path, serde_json::to_vec(&Body::new(request, traits))?))
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<WireMessage<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_p: Option<f32>,
    /// As vLLM and OpenRouter name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    repetition_penalty: Option<f32>,
    /// As llama.cpp and LM Studio name the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    continue_final_message: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_generation_prompt: Option<bool>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
    /// OpenAI pads its events unless told not to.
    #[serde(skip_serializing_if = "Option::is_none")]
    include_obfuscation: Option<bool>,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl<'a> Body<'a> {
    fn new(request: &'a Request, traits: Traits) -> Self {
        let (messages, prompt) = match &*request.prompt {
            Prompt::Chat(messages) => (Some(messages), None),
            Prompt::Text(text) => (None, Some(text.as_str())),
        };
        let max_tokens = |field| (traits.max_tokens_field == field).then_some(request.max_tokens);
        let extended = Some(request.sampling).filter(|_| traits.extended_sampling);
        let penalty = extended.and_then(|s| s.repetition_penalty);
        let goes_on = messages.is_some_and(|m| m.last().is_some_and(|m| m.role == Role::Assistant));
        let continued = traits.continue_flag && goes_on;
        Self {
            model: &request.model,
            messages: messages.map(|m| m.iter().map(|m| WireMessage::new(m, traits)).collect()),
            prompt,
            stream: true,
            stream_options: StreamOptions {
                include_usage: true,
                include_obfuscation: traits.is_openai.then_some(false),
            },
            max_tokens: max_tokens(MaxTokensField::MaxTokens),
            max_completion_tokens: max_tokens(MaxTokensField::MaxCompletionTokens),
            temperature: request.sampling.temperature,
            top_p: request.sampling.top_p,
            top_k: extended.and_then(|s| s.top_k),
            min_p: extended.and_then(|s| s.min_p),
            repetition_penalty: penalty,
            repeat_penalty: penalty,
            seed: request.sampling.seed,
            stop: told_stop_texts(&request.stop, traits),
            continue_final_message: continued.then_some(true),
            add_generation_prompt: continued.then_some(false),
        }
    }
}

impl<'a> WireMessage<'a> {
    fn new(message: &'a Message, traits: Traits) -> Self {
        Self {
            role: match message.role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            },
            content: &message.content,
            name: Some(message.name.as_str()).filter(|name| traits.names && !name.is_empty()),
        }
    }
}

/// The stop texts that the server isn't told; it is for the reader of the reply to hold to them.
pub(super) fn untold_stop_texts(stop: &[String], traits: Traits) -> &[String] {
    &stop[told_stop_texts(stop, traits).len()..]
}

fn told_stop_texts(stop: &[String], traits: Traits) -> &[String] {
    if traits.is_openai {
        &stop[..stop.len().min(OPENAI_STOP_TEXTS)]
    } else {
        stop
    }
}

#[cfg(test)]
mod tests;
