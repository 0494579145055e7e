//! From an error answer to the kind of failure. The one place that looks at providers' words.

mod context;
mod pause;
mod told;

use std::time::Duration;

use http::HeaderMap;
use platform::Timestamp;
use serde_json::Value;

use super::json;
use crate::domain::ProviderError;
use told::Told;

/// How much of a provider's words is kept.
const MAX_CAUSE_CHARS: usize = 300;

/// Names and words of a key that isn't taken, or of credit that is used up: no retry helps.
const ACCOUNT: &[&str] = &[
    "insufficient_quota",
    "credit_balance_exhausted",
    "enforced_spend_limit_reached",
    "billing_hard_limit_reached",
    "billing_not_active",
    "invalid_api_key",
    "authentication_error",
    "insufficient_balance",
    "arrearage",
];
const ACCOUNT_WORDS: &[&str] = &[
    "insufficient balance",
    "insufficient credit",
    "credit balance is too low",
    "requires more credits",
    "out of credits",
    "api key not valid",
    "invalid api key",
    "incorrect api key",
    "余额不足",
];
const REFUSED: &[&str] = &[
    "content_filter",
    "content_policy_violation",
    "data_inspection_failed",
    "datainspectionfailed",
    "content_blocked",
];
const RATE_LIMITED: &[&str] = &[
    "rate_limit_exceeded",
    "rate_limit_error",
    "rate_limited",
    "slow_down",
    "resource_exhausted",
    "throttlingexception",
    "too_many_requests",
];
const RATE_LIMITED_WORDS: &[&str] = &["rate limit", "too many requests", "throttl"];
const OVERLOADED: &[&str] = &[
    "server_is_overloaded",
    "overloaded_error",
    "unavailable_error",
    "service_unavailable",
    "unavailable",
    "server_busy",
];
const OVERLOADED_WORDS: &[&str] = &[
    "overloaded",
    "at capacity",
    "is loading",
    "loading model",
    "server is busy",
];
/// Names of failures that are the request's, where no status tells.
const REJECTED: &[&str] = &[
    "invalid_request_error",
    "badrequesterror",
    "bad_request_error",
    "not_found_error",
    "invalid_argument",
    "validation",
    "validation_error",
    "extra_forbidden",
];

/// Names of the failure of a model that the server doesn't have.
const MODEL_GONE: &[&str] = &["model_not_found", "model_not_available"];

/// The failure that an answer with an error status tells of. `now` counts dates, unless the answer has one itself.
pub(crate) fn of_answer(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> ProviderError {
    let value = json::parse(body);
    let told = match &value {
        Some(value) => Told::read(value),
        None => Told::of_text(&String::from_utf8_lossy(&body[..body.len().min(4096)])),
    };
    let retry_after = pause::of_headers(headers, now).or_else(|| pause::of_body(&told, now));
    classify(status, &told, retry_after)
}

/// The failure that an object tells of which is an error, or has one where others have text; none where it doesn't.
pub(crate) fn told_by(value: &Value) -> Option<ProviderError> {
    told::is_error(value).then(|| of_error(value))
}

/// The failure that an error object, list or text in the midst of an answer tells of.
pub(crate) fn of_error(error: &Value) -> ProviderError {
    of_told(&Told::read(error))
}

/// The failure that words in the midst of an answer tell of.
pub(crate) fn of_words(words: &str) -> ProviderError {
    of_told(&Told::of_text(words))
}

fn of_told(told: &Told) -> ProviderError {
    let status = told
        .status()
        .unwrap_or(if told.is_any(REJECTED) { 400 } else { 500 });
    classify(status, told, pause::of_told(told))
}

fn classify(status: u16, told: &Told, retry_after: Option<Duration>) -> ProviderError {
    let cause = told.cause(status);
    if status == 402 || told.is_any(ACCOUNT) || told.says_any(ACCOUNT_WORDS) {
        return ProviderError::Account { cause };
    }
    if let Some(figures) = context::of_told(status, told) {
        return ProviderError::ContextLength {
            tokens: figures.tokens,
            window: figures.window,
        };
    }
    if told.is_any(REFUSED) || told.is_moderated() {
        return ProviderError::Refused;
    }
    if told.is_any(RATE_LIMITED)
        || status == 429
        || (status >= 500 && told.says_any(RATE_LIMITED_WORDS))
    {
        return ProviderError::RateLimited {
            retry_after: pause::at_least_for_the_day(told, retry_after),
        };
    }
    if told.is_any(OVERLOADED) || (status >= 500 && told.says_any(OVERLOADED_WORDS)) {
        return ProviderError::Overloaded { retry_after };
    }
    match status {
        401..=403 | 498 => ProviderError::Account { cause },
        503 | 529 => ProviderError::Overloaded { retry_after },
        // Only these kinds say when to come back.
        408 | 409 | 425 | 500.. if retry_after.is_some() => {
            ProviderError::Overloaded { retry_after }
        }
        408 | 409 | 425 | 499 | 500.. => ProviderError::Unavailable { cause },
        404 | 410 => ProviderError::ModelGone { cause },
        _ if told.is_any(MODEL_GONE) => ProviderError::ModelGone { cause },
        _ => ProviderError::Rejected { cause },
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
