use serde_json::json;

use super::*;

fn of(status: u16, body: &Value) -> ProviderError {
    of_answer(
        status,
        &HeaderMap::new(),
        body.to_string().as_bytes(),
        Timestamp::default(),
    )
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
            ProviderError::ModelGone { cause: cause() },
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
            window: Some(4096)
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
    let failure = of_answer(
        502,
        &HeaderMap::new(),
        b"<html>Bad gateway</html>",
        Timestamp::default(),
    );
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
        of_error(&by_number),
        ProviderError::Unavailable { cause: cause() }
    );
    let by_text = json!({"code": "429", "message": "told so"});
    assert_eq!(
        of_error(&by_text),
        ProviderError::RateLimited { retry_after: None }
    );
    let by_kind = json!({"type": "invalid_request_error", "message": "told so", "code": null});
    assert_eq!(
        of_error(&by_kind),
        ProviderError::Rejected { cause: cause() }
    );
    assert_eq!(
        of_error(&json!("told so")),
        ProviderError::Unavailable { cause: cause() }
    );
}

#[test]
fn keeps_long_words_short() {
    let long = json!({"error": {"message": "é".repeat(5000)}});
    let ProviderError::Rejected { cause } = of(400, &long) else {
        panic!("not rejected");
    };
    assert_eq!(cause.chars().count(), MAX_CAUSE_CHARS + 1);
}

#[test]
fn finds_errors_in_the_place_of_text() {
    for error in [
        json!({"error": "told so"}),
        json!({"error": {"message": "told so"}, "choices": []}),
        json!({"error": {"code": 500}}),
        json!({"error": {"message": "", "code": null}}),
        json!({"error": [{"message": "told so"}]}),
        json!({"errors": [{"code": 7, "message": "told so"}], "success": false}),
        json!({"object": "error", "message": "told so"}),
        json!({"type": "error", "message": "told so"}),
        json!({"detail": [{"loc": ["body"], "msg": "told so"}]}),
        json!({"code": 1001, "msg": "told so"}),
        json!({"status": "error", "message": "told so"}),
        json!({"base_resp": {"status_code": 1008, "status_msg": "told so"}}),
    ] {
        assert!(told_by(&error).is_some(), "{error}");
    }
    for healthy in [
        json!({"choices": [{"delta": {"content": "a"}}], "error": null}),
        json!({"choices": [], "error": "", "code": 0}),
        json!({"choices": [], "error": {}, "errors": []}),
        json!({"code": 200, "message": "success"}),
        json!({"status": "processing", "message": "waiting"}),
        json!({"message": {"content": "a"}, "done": false}),
        json!({"type": "ping"}),
        json!({}),
    ] {
        assert_eq!(told_by(&healthy), None, "{healthy}");
    }
}

#[test]
fn reads_errors_in_every_shape() {
    for body in [
        json!({"error": "told so"}),
        json!({"error": "Bad Request", "message": "told so", "statusCode": 400}),
        json!({"error": {"message": "{\"error\": {\"message\": \"told so\"}}"}}),
        json!({"detail": [{"loc": ["body", "x"], "msg": "told so", "type": "extra_forbidden"}]}),
        json!({"detail": {"error": {"message": "told so"}}}),
        json!({"errors": [{"message": "told so"}]}),
        json!({"fault": "x", "msg": "told so"}),
        json!("told so"),
    ] {
        assert_eq!(
            of(400, &body),
            ProviderError::Rejected { cause: cause() },
            "{body}"
        );
    }
}

#[test]
fn knows_credit_that_is_used_up() {
    for (status, message) in [
        (400, "Your credit balance is too low to access the API."),
        (402, "told so"),
        (400, "API key not valid. Please pass a valid API key."),
        (429, "账户余额不足"),
    ] {
        let body = json!({"error": {"message": message, "status": "RESOURCE_EXHAUSTED"}});
        assert!(
            matches!(of(status, &body), ProviderError::Account { .. }),
            "{message}"
        );
    }
}

#[test]
fn takes_no_limit_of_a_span_of_time_for_the_windows() {
    for (status, message) in [
        (
            413,
            "Request too large for model on tokens per minute (TPM): Limit 6000, Requested 9263",
        ),
        (429, "Too many tokens, please wait before trying again."),
        (
            500,
            "Throttling error: Too many tokens, please wait before trying again.",
        ),
    ] {
        let body = json!({"error": {"message": message, "code": "rate_limit_exceeded"}});
        assert!(
            matches!(of(status, &body), ProviderError::RateLimited { .. }),
            "{message}"
        );
    }
}
