//! Prompts that are too long: how servers say so, and the two figures in it. There is no common form; what the figures mean is
//! told by the words around them.

mod reading;

use super::told::Told;
use reading::{Reading, read};

/// What a server says of a prompt that is too long, as far as it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// Tokens of the prompt.
    pub(super) tokens: Option<u32>,
    /// Tokens that the model takes.
    pub(super) window: Option<u32>,
}

const NAMES: &[&str] = &[
    "context_length_exceeded",
    "exceed_context_size_error",
    "request_too_large",
    "model_context_window_exceeded",
    "tokens_limit_reached",
    "context_window_exceeded",
    "input_too_long",
    "prompt_too_long",
];
/// What they say, by the servers that say it in their own way: OpenAI, Anthropic, Gemini, Mistral, vLLM, SGLang, llama.cpp,
/// Ollama, LM Studio, KoboldCpp, TGI, TabbyAPI, Together, Groq, Cerebras, xAI, Cohere, Moonshot, DashScope, Cloudflare, Bedrock.
const WORDS: &[&str] = &[
    "context length",
    "context_length",
    "context window",
    "context size",
    "context limit",
    "maximum context",
    "max context",
    "n_ctx",
    "prompt is too long",
    "prompt too long",
    "input is too long",
    "input too long",
    "prompt exceeds",
    "prompt length",
    "input length",
    "input token count",
    "prompt token count",
    "too many tokens",
    "tokens exceed",
    "must have less than",
    "max_new_tokens` must be",
    "maximum number of tokens",
    "maximum number of input tokens",
    "maximum prompt length",
    "maximum input length",
    "maximum allowed input length",
    "model token limit",
    "token limit exceeded",
    "max_seq_len",
    "max_model_len",
    "exceeds max length",
    "reduce the length",
    "too large for model",
    "too long for the model",
    "range of input length",
    "上下文",
    "最大长度",
];
/// What only sounds like it: limits of a span of time, and of the reply.
const OTHERS: &[&str] = &[
    "rate limit",
    "too many requests",
    "per minute",
    "per day",
    "please wait",
    "throttl",
    "quota",
    "completion tokens, whereas",
    "max_tokens is too large",
    "max_completion_tokens is too large",
];
/// How llama.cpp says that a text to embed is too long, with status 500.
const BATCH_WORDS: &[&str] = &["too large to process"];

/// The figures, if a prompt that is too long is what was told of.
pub(super) fn of_told(status: u16, told: &Told) -> Option<Figures> {
    let is_named = told.is_any(NAMES);
    let may_be = !matches!(status, 401..=403 | 429) && !told.says_any(OTHERS);
    let is_said = match status {
        413 => true,
        500 => told.says_any(WORDS) || told.says_any(BATCH_WORDS),
        _ => told.says_any(WORDS),
    };
    (is_named || (may_be && is_said)).then(|| figures(told))
}

/// The figures: members of their own (llama.cpp, vLLM), or numbers in the words.
fn figures(told: &Told) -> Figures {
    let member = |names: &[&str]| {
        told.number(names)
            .filter(|number| *number >= 1.0)
            .map(|number| number as u32)
    };
    let codes: Vec<u64> = told
        .numbers
        .iter()
        .filter(|(name, _)| name.contains("code"))
        .map(|(_, code)| *code as u64)
        .collect();
    let read = told
        .words
        .lines()
        .map(|line| read(line, &codes))
        .max_by_key(Reading::worth)
        .unwrap_or_default();
    Figures {
        tokens: member(&["n_prompt_tokens", "prompt_tokens", "input_tokens"])
            .or_else(|| read.tokens()),
        window: member(&[
            "n_ctx",
            "max_model_len",
            "context_length",
            "max_context_length",
        ])
        .or(read.window),
    }
}

#[cfg(test)]
mod tests;
