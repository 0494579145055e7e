//! The request as OpenAI-compatible servers take it.

use serde::Serialize;

use super::super::{Traits, post, role_name, told_stop_texts};
use super::OpenAi;
use crate::config::MaxTokensField;
use crate::domain::provider::{Message, Prompt, Request, Role};
use crate::infrastructure::roles;
use crate::infrastructure::upstream::Outgoing;

/// The request.
pub(super) fn encode(request: &Request, traits: &Traits) -> Result<Outgoing, serde_json::Error> {
    match &*request.prompt {
        Prompt::Chat(messages) => {
            let messages = roles::arranged(messages, traits.roles);
            let body = Body::new(request, traits).chat(&messages, traits);
            post("chat/completions", &body)
        }
        Prompt::Text(text) => {
            let body = Body {
                prompt: Some(text),
                ..Body::new(request, traits)
            };
            post("completions", &body)
        }
    }
}

#[derive(Serialize, Default)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<WireMessage<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<String>,
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
    /// All but the prompt.
    fn new(request: &'a Request, traits: &Traits) -> Self {
        let max_tokens = |field| (traits.max_tokens_field == field).then_some(request.max_tokens);
        let sampling = request.sampling;
        let extended = Some(sampling).filter(|_| traits.extended_sampling);
        let penalty = extended.and_then(|s| s.repetition_penalty);
        let options = StreamOptions {
            include_usage: true,
            include_obfuscation: traits.is_openai.then_some(false),
        };
        Self {
            model: &request.model,
            stream: traits.streams,
            stream_options: Some(options)
                .filter(|_| traits.streams && traits.takes("stream_options")),
            max_tokens: max_tokens(MaxTokensField::MaxTokens),
            max_completion_tokens: max_tokens(MaxTokensField::MaxCompletionTokens),
            temperature: sampling.temperature.filter(|_| traits.takes("temperature")),
            top_p: sampling.top_p.filter(|_| traits.takes("top_p")),
            top_k: extended
                .and_then(|s| s.top_k)
                .filter(|_| traits.takes("top_k")),
            min_p: extended
                .and_then(|s| s.min_p)
                .filter(|_| traits.takes("min_p")),
            repetition_penalty: penalty.filter(|_| traits.takes("repetition_penalty")),
            repeat_penalty: penalty.filter(|_| traits.takes("repeat_penalty")),
            seed: sampling.seed.filter(|_| traits.takes("seed")),
            stop: told_stop_texts(&OpenAi, request, traits),
            ..Self::default()
        }
    }

    fn chat(self, messages: &'a [Message], traits: &Traits) -> Self {
        let goes_on = messages
            .last()
            .is_some_and(|message| message.role == Role::Assistant);
        let continued =
            |field| (traits.continue_flag && goes_on && traits.takes(field)).then_some(());
        Self {
            messages: Some(
                messages
                    .iter()
                    .map(|message| WireMessage::new(message, traits))
                    .collect(),
            ),
            continue_final_message: continued("continue_final_message").map(|()| true),
            add_generation_prompt: continued("add_generation_prompt").map(|()| false),
            ..self
        }
    }
}

impl<'a> WireMessage<'a> {
    fn new(message: &'a Message, traits: &Traits) -> Self {
        let takes_names = traits.names && traits.takes("name");
        Self {
            role: role_name(message.role),
            content: &message.content,
            name: Some(message.name.as_str()).filter(|name| takes_names && !name.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests;
