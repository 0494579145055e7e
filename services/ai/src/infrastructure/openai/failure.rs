//! From an error answer to the kind of failure. The one place that looks at providers' words.

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use crate::domain::ProviderError;

/// How much of a provider's words is kept.
const MAX_CAUSE_CHARS: usize = 300;

const ACCOUNT: &[&str] = &[
    "insufficient_quota",
    "credit_balance_exhausted",
    "enforced_spend_limit_reached",
    "billing_hard_limit_reached",
    "billing_not_active",
    "invalid_api_key",
    "authentication_error",
];
const CONTEXT_LENGTH: &[&str] = &["context_length_exceeded", "exceed_context_size_error"];
const REFUSED: &[&str] = &["content_filter", "content_policy_violation"];
const RATE_LIMITED: &[&str] = &["rate_limit_exceeded", "rate_limit_error", "slow_down"];
const OVERLOADED: &[&str] = &[
    "server_is_overloaded",
    "overloaded_error",
    "unavailable_error",
];
/// How servers that give no code of their own say that a prompt is too long (vLLM, LM Studio, older llama.cpp), or a text to
/// embed (Text Embeddings Inference).
const CONTEXT_LENGTH_WORDS: &[&str] = &[
    "context length",
    "context window",
    "context size",
    "must have less than",
];
/// How llama.cpp says that a text to embed is too long, with status 500.
const BATCH_WORDS: &[&str] = &["too large to process"];

/// The failure that an answer with an error status tells of.
pub(super) fn of_answer(status: u16, headers: &HeaderMap, body: &[u8]) -> ProviderError {
    let body = serde_json::from_slice(body).unwrap_or(Value::Null);
    let told = Told::read(&body);
    classify(status, &told, retry_after(headers))
}

/// The failure that an `error` in the midst of a stream, or in an answer with status 200, tells of.
pub(super) fn of_event(error: &Value) -> ProviderError {
    let told = Told::read_error(error);
    let status = told.status().unwrap_or_else(|| {
        let is_ours = told.is_any(&[
            "invalid_request_error",
            "BadRequestError",
            "not_found_error",
        ]);
        if is_ours { 400 } else { 500 }
    });
    classify(status, &told, None)
}

/// `Retry-After` in seconds, or `retry-after-ms`, which is more precise; dates aren't in use among providers.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number =
        |name: &str| -> Option<f64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    let millis = number("retry-after-ms").map(|millis| millis / 1e3);
    let secs = millis.or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(secs).ok()
}

fn classify(status: u16, told: &Told<'_>, retry_after: Option<Duration>) -> ProviderError {
    let cause = told.cause(status);
    if told.is_any(ACCOUNT) {
        return ProviderError::Account { cause };
    }
    let is_too_long = match status {
        400 | 413 | 422 => told.says_any(CONTEXT_LENGTH_WORDS),
        500 => told.says_any(BATCH_WORDS),
        _ => false,
    };
    if is_too_long || told.is_any(CONTEXT_LENGTH) {
        return told.context_length();
    }
    if told.is_any(REFUSED) || told.is_moderated() {
        return ProviderError::Refused;
    }
    if told.is_any(RATE_LIMITED) {
        return ProviderError::RateLimited { retry_after };
    }
    if told.is_any(OVERLOADED) {
        return ProviderError::Overloaded { retry_after };
    }
    match status {
        401..=403 => ProviderError::Account { cause },
        429 => ProviderError::RateLimited { retry_after },
        503 | 529 => ProviderError::Overloaded { retry_after },
        408 | 409 | 500.. => ProviderError::Unavailable { cause },
        _ => ProviderError::Rejected { cause },
    }
}

/// What an error body says, whichever of the usual shapes it has.
#[derive(Debug, Default)]
struct Told<'a> {
    message: &'a str,
    kind: &'a str,
    code: &'a str,
    number: Option<u64>,
    error: Option<&'a Value>,
}

impl<'a> Told<'a> {
    /// `{"error": …}`, the same in an array, or the error itself (vLLM, FastAPI).
    fn read(body: &'a Value) -> Self {
        let body = body.get(0).unwrap_or(body);
        Self::read_error(body.get("error").unwrap_or(body))
    }

    /// `{"message", "type", "code"}`, where code may be a text or a number, or just a text.
    fn read_error(error: &'a Value) -> Self {
        if let Some(message) = error.as_str() {
            return Self {
                message,
                ..Self::default()
            };
        }
        let text = |key: &str| error.get(key).and_then(Value::as_str);
        Self {
            message: text("message").or(text("detail")).unwrap_or_default(),
            kind: text("type").unwrap_or_default(),
            code: text("code").unwrap_or_default(),
            number: error.get("code").and_then(Value::as_u64),
            error: Some(error),
        }
    }

    fn is_any(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| [self.kind, self.code].contains(name))
    }

    fn says_any(&self, words: &[&str]) -> bool {
        let message = self.message.to_ascii_lowercase();
        words.iter().any(|words| message.contains(words))
    }

    /// OpenRouter's answer to content that the model's provider doesn't let pass.
    fn is_moderated(&self) -> bool {
        let metadata = self.error.and_then(|error| error.get("metadata"));
        metadata.is_some_and(|metadata| metadata.get("flagged_input").is_some())
    }

    /// A number in the place of the code is a status (llama.cpp, vLLM, OpenRouter).
    fn status(&self) -> Option<u16> {
        let number = self.number.or_else(|| self.code.parse().ok())?;
        u16::try_from(number)
            .ok()
            .filter(|status| (400..600).contains(status))
    }

    /// llama.cpp gives the figures as well.
    fn context_length(&self) -> ProviderError {
        let number = |key: &str| {
            let number = self.error.and_then(|error| error.get(key)?.as_u64());
            number.and_then(|number| u32::try_from(number).ok())
        };
        ProviderError::ContextLength {
            tokens: number("n_prompt_tokens"),
            window: number("n_ctx"),
        }
    }

    fn cause(&self, status: u16) -> String {
        if self.message.is_empty() {
            return format!("HTTP status {status}");
        }
        shorten(self.message)
    }
}

/// A text of a provider, short enough for a log line.
pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_CAUSE_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
