//! Errors as OpenAI's clients read them: a status, and four members that are all there.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use troupe_proto::{Reason, error};

use crate::refusal::Refusal;

/// By which clients of OpenAI's are told not to try again by themselves.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// What a client is told of an error.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<String>,
    code: Option<String>,
}

impl Told {
    /// What is told of a status.
    pub(super) fn of(status: &Status) -> Self {
        let reason = error::reason_of(status);
        let violations = status.get_details_bad_request();
        let violations = violations.map(|it| it.field_violations).unwrap_or_default();
        let param = match violations.as_slice() {
            [only] => Some(only.field.clone()).filter(|field| !field.is_empty()),
            _ => None,
        };
        let own = reason.map(|reason| reason.name().to_ascii_lowercase());
        Self {
            message: status.message().to_owned(),
            kind: kind(status.code(), reason),
            param,
            code: code(reason).map(str::to_owned).or(own),
        }
    }

    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// As the body of an answer, or an event.
    pub(super) fn json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'t> {
            error: &'t Told,
        }
        // Texts alone: nothing of them fails.
        serde_json::to_vec(&Body { error: self }).unwrap_or_default()
    }
}

/// A status as the body of an answer.
pub(crate) fn json(status: &Status) -> Vec<u8> {
    Told::of(status).json()
}

/// The answer to a request that is refused.
pub(super) fn answer(refusal: Refusal) -> Response<Body> {
    let status = &refusal.status;
    let reason = error::reason_of(status);
    let text = json(status);
    let refusal = match http_status(reason) {
        Some(http) => refusal.under(http),
        None => refusal,
    };
    let refusal = match reason {
        Some(Reason::ProviderAccount) => {
            refusal.with(SHOULD_RETRY, HeaderValue::from_static("false"))
        }
        _ => refusal,
    };
    refusal.answer_saying(text, HeaderMap::new())
}

/// The same of a status.
pub(crate) fn refusal(status: Status) -> Response<Body> {
    answer(status.into())
}

/// The HTTP status by which clients of OpenAI's know a reason, where it isn't ours.
pub(crate) fn http_status(reason: Option<Reason>) -> Option<StatusCode> {
    Some(match reason? {
        Reason::ProviderAccount => StatusCode::TOO_MANY_REQUESTS,
        Reason::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        _ => return None,
    })
}

fn kind(code: Code, reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::ProviderAccount) => return "insufficient_quota",
        Some(Reason::Overloaded) => return "server_error",
        Some(Reason::RequestTooLarge) => return "invalid_request_error",
        _ => {}
    }
    match code {
        Code::ResourceExhausted => "rate_limit_error",
        Code::PermissionDenied => "permission_error",
        Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::NotFound
        | Code::AlreadyExists
        | Code::Aborted
        | Code::Unauthenticated
        | Code::Unimplemented => "invalid_request_error",
        _ => "server_error",
    }
}

/// The code by which clients of OpenAI's know a reason, where it isn't ours.
fn code(reason: Option<Reason>) -> Option<&'static str> {
    Some(match reason? {
        Reason::TokenMissing | Reason::TokenInvalid => "invalid_api_key",
        Reason::ModelUnknown | Reason::NotFound | Reason::CharacterDeleted => "model_not_found",
        Reason::ContextLength | Reason::PromptTooLong => "context_length_exceeded",
        Reason::RateLimited
        | Reason::ProviderRateLimited
        | Reason::TooManyGenerations
        | Reason::TooManyRepliesWaiting => "rate_limit_exceeded",
        Reason::ProviderAccount => "insufficient_quota",
        Reason::ContentRefused => "content_filter",
        Reason::Overloaded => "server_is_overloaded",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(status: &Status) -> Value {
        serde_json::from_slice(&super::json(status)).unwrap()
    }

    #[test]
    fn an_error_has_all_four_members() {
        let told = read(&error::status(Reason::Internal, "it broke"));
        let expected = json!({ "error": {
            "message": "it broke", "type": "server_error", "param": null, "code": "internal",
        }});
        assert_eq!(told, expected);
        let told = read(&error::invalid_field("n", "must be 1"));
        let expected = json!({ "error": {
            "message": "n must be 1", "type": "invalid_request_error", "param": "n",
            "code": "invalid_request",
        }});
        assert_eq!(told, expected);
        assert_eq!(read(&Status::unknown("?"))["error"]["code"], Value::Null);
    }

    #[test]
    fn reasons_have_the_codes_and_statuses_that_clients_know() {
        let cases = [
            (
                Reason::TokenInvalid,
                401,
                "invalid_api_key",
                "invalid_request_error",
            ),
            (
                Reason::ModelUnknown,
                404,
                "model_not_found",
                "invalid_request_error",
            ),
            (
                Reason::ContextLength,
                400,
                "context_length_exceeded",
                "invalid_request_error",
            ),
            (
                Reason::RateLimited,
                429,
                "rate_limit_exceeded",
                "rate_limit_error",
            ),
            (
                Reason::ProviderAccount,
                429,
                "insufficient_quota",
                "insufficient_quota",
            ),
            (
                Reason::Overloaded,
                503,
                "server_is_overloaded",
                "server_error",
            ),
            (
                Reason::ProviderUnavailable,
                503,
                "provider_unavailable",
                "server_error",
            ),
            (
                Reason::RequestTooLarge,
                413,
                "request_too_large",
                "invalid_request_error",
            ),
        ];
        for (reason, http, code, kind) in cases {
            let status = error::status(reason, "no");
            let told = read(&status);
            assert_eq!(told["error"]["code"], code, "{reason:?}");
            assert_eq!(told["error"]["type"], kind, "{reason:?}");
            let answer = refusal(status);
            assert_eq!(answer.status().as_u16(), http, "{reason:?}");
            let is_final = answer.headers().contains_key("x-should-retry");
            assert_eq!(is_final, reason == Reason::ProviderAccount, "{reason:?}");
        }
    }
}
