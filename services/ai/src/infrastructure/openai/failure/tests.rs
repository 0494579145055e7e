use http::HeaderValue;
use serde_json::json;

use super::*;

fn of(status: u16, body: &Value) -> ProviderError {
    of_answer(status, &HeaderMap::new(), body.to_string().as_bytes())
}

fn openai(kind: &str, code: &str) -> Value {
    json!({"error": {"message": "told so", "type": kind, "param": null, "code": code}})
}

fn cause() -> String {
    "told so".to_owned()
}

#[test]
fn tells_what_openai_means() {
    let table = [
        (
            400,
            "invalid_request_error",
            "context_length_exceeded",
            ProviderError::ContextLength {
                tokens: None,
                window: None,
            },
        ),
        (
            400,
            "invalid_request_error",
            "unknown_parameter",
            ProviderError::Rejected { cause: cause() },
        ),
        (400, "", "content_filter", ProviderError::Refused),
        (
            401,
            "invalid_request_error",
            "invalid_api_key",
            ProviderError::Account { cause: cause() },
        ),
        (403, "", "", ProviderError::Account { cause: cause() }),
        (
            404,
            "invalid_request_error",
            "model_not_found",
            ProviderError::Rejected { cause: cause() },
        ),
        (
            429,
            "requests",
            "rate_limit_exceeded",
            ProviderError::RateLimited { retry_after: None },
        ),
        (
            429,
            "insufficient_quota",
            "insufficient_quota",
            ProviderError::Account { cause: cause() },
        ),
        (
            429,
            "insufficient_quota",
            "credit_balance_exhausted",
            ProviderError::Account { cause: cause() },
        ),
        (
            500,
            "server_error",
            "",
            ProviderError::Unavailable { cause: cause() },
        ),
        (
            503,
            "server_error",
            "server_is_overloaded",
            ProviderError::Overloaded { retry_after: None },
        ),
        (
            503,
            "server_error",
            "slow_down",
            ProviderError::RateLimited { retry_after: None },
        ),
    ];
    for (status, kind, code, expected) in table {
        assert_eq!(
            of(status, &openai(kind, code)),
            expected,
            "{status} {kind} {code}"
        );
    }
}

#[test]
fn tells_what_other_servers_mean() {
    let too_long = json!({"error": {"code": 400, "message": "the request exceeds the available context size",
        "type": "exceed_context_size_error", "n_prompt_tokens": 9000, "n_ctx": 4096}});
    let figures = ProviderError::ContextLength {
        tokens: Some(9000),
        window: Some(4096),
    };
    assert_eq!(of(400, &too_long), figures);

    let vllm = json!({"object": "error", "message": "This model's maximum context length is 4096 tokens.",
        "type": "BadRequestError", "code": 400});
    assert_eq!(
        of(400, &vllm),
        ProviderError::ContextLength {
            tokens: None,
            window: None
        }
    );

    let loading =
        json!({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}});
    assert_eq!(
        of(503, &loading),
        ProviderError::Overloaded { retry_after: None }
    );

    let moderated =
        json!({"error": {"code": 403, "message": "flagged", "metadata": {"flagged_input": "…"}}});
    assert_eq!(of(403, &moderated), ProviderError::Refused);

    let in_array = json!([{"error": {"code": 402, "message": "told so"}}]);
    assert_eq!(
        of(402, &in_array),
        ProviderError::Account { cause: cause() }
    );

    let detail = json!({"detail": "told so"});
    assert_eq!(of(422, &detail), ProviderError::Rejected { cause: cause() });
    assert_eq!(
        of(529, &Value::Null),
        ProviderError::Overloaded { retry_after: None }
    );
}

#[test]
fn makes_do_with_a_body_that_is_no_json() {
    let failure = of_answer(502, &HeaderMap::new(), b"<html>Bad gateway</html>");
    assert_eq!(
        failure,
        ProviderError::Unavailable {
            cause: "HTTP status 502".to_owned()
        }
    );
}

#[test]
fn reads_errors_within_a_stream() {
    let by_number = json!({"code": 502, "message": "told so"});
    assert_eq!(
        of_event(&by_number),
        ProviderError::Unavailable { cause: cause() }
    );
    let by_text = json!({"code": "429", "message": "told so"});
    assert_eq!(
        of_event(&by_text),
        ProviderError::RateLimited { retry_after: None }
    );
    let by_kind = json!({"type": "invalid_request_error", "message": "told so", "code": null});
    assert_eq!(
        of_event(&by_kind),
        ProviderError::Rejected { cause: cause() }
    );
    assert_eq!(
        of_event(&json!("told so")),
        ProviderError::Unavailable { cause: cause() }
    );
}

#[test]
fn reads_when_to_come_back() {
    let after = |name: &'static str, value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        match of_answer(429, &headers, b"") {
            ProviderError::RateLimited { retry_after } => retry_after,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(after("retry-after", "7"), Some(Duration::from_secs(7)));
    assert_eq!(
        after("retry-after-ms", "1500"),
        Some(Duration::from_millis(1500))
    );
    assert_eq!(after("retry-after", "-1"), None);
    assert_eq!(after("retry-after", "soon"), None);
}

#[test]
fn keeps_long_words_short() {
    let long = json!({"error": {"message": "é".repeat(5000)}});
    let ProviderError::Rejected { cause } = of(400, &long) else {
        panic!("not rejected");
    };
    assert_eq!(cause.chars().count(), MAX_CAUSE_CHARS + 1);
}
