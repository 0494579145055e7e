//! What a call that fails says.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use prost::Message;
use serde_json::{Value, json};

use super::{JSON, PROTO, STREAM_JSON, call, envelope, error, opened};
use crate::echo::FailRequest;
use crate::harness::Edge;

#[tokio::test]
async fn every_code_has_its_name_and_its_http_status() {
    let edge = Edge::start().await;
    let table = [
        (1, 499, "canceled"),
        (2, 500, "unknown"),
        (3, 400, "invalid_argument"),
        (4, 504, "deadline_exceeded"),
        (5, 404, "not_found"),
        (6, 409, "already_exists"),
        (7, 403, "permission_denied"),
        (8, 429, "resource_exhausted"),
        (9, 400, "failed_precondition"),
        (10, 409, "aborted"),
        (11, 400, "out_of_range"),
        (12, 501, "unimplemented"),
        (13, 500, "internal"),
        (14, 503, "unavailable"),
        (15, 500, "data_loss"),
        (16, 401, "unauthenticated"),
    ];
    for (code, http, name) in table {
        let request = FailRequest {
            code,
            with_details: false,
        };
        let in_json = format!("{{\"code\": {code}}}");
        for (kind, body) in [
            (JSON, in_json.into_bytes()),
            (PROTO, request.encode_to_vec()),
        ] {
            let answer = call(&edge, "Fail", &[kind], body).await;
            assert_eq!(error(&answer), (http, name.to_owned()));
        }
    }
    let answer = call(&edge, "Fail", &[JSON], r#"{"code": 16}"#).await;
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

/// The detail of a type.
fn detail<'v>(error: &'v Value, name: &str) -> &'v Value {
    let details = error["details"].as_array().unwrap();
    details.iter().find(|it| it["type"] == name).unwrap()
}

#[tokio::test]
async fn details_come_with_their_bytes_and_what_these_say() {
    let edge = Edge::start().await;
    let request = FailRequest {
        code: 8,
        with_details: true,
    };
    let answer = call(&edge, "Fail", &[PROTO], request.encode_to_vec()).await;
    assert_eq!(error(&answer), (429, "resource_exhausted".into()));
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(answer.header("trailer-x-trailer"), "kept");
    let body = answer.json();
    assert_eq!(body["message"], "it's bröken: 100 %");
    let info = detail(&body, "google.rpc.ErrorInfo");
    assert_eq!(info["debug"]["metadata"], json!({"key": "value"}));
    assert!(info["debug"].get("@type").is_none(), "{info}");
    let retry = detail(&body, "google.rpc.RetryInfo");
    assert_eq!(retry["debug"], json!({"retryDelay": "1.500s"}));
    let bytes = STANDARD_NO_PAD
        .decode(retry["value"].as_str().unwrap())
        .unwrap();
    let expected = tonic_types::pb::RetryInfo {
        retry_delay: Some(std::time::Duration::from_millis(1500).try_into().unwrap()),
    };
    assert_eq!(bytes, expected.encode_to_vec());
}

/// An error without the id of its request, which each has.
fn without_id(mut error: Value) -> Value {
    let is_id = |detail: &Value| detail["type"] == "google.rpc.RequestInfo";
    let details = error["details"].as_array_mut().unwrap();
    let count = details.len();
    details.retain(|detail| !is_id(detail));
    assert_eq!(details.len() + 1, count, "{details:?}");
    error
}

#[tokio::test]
async fn an_error_of_few_words_has_no_more_than_it_says() {
    let edge = Edge::start().await;
    let headers = [JSON, ("x-odd", "|grpc-status=7")];
    let answer = call(&edge, "Echo", &headers, "{}").await;
    let expected = json!({"code": "permission_denied", "details": []});
    assert_eq!(without_id(answer.json()), expected);
    // What is broken in it doesn't break the answer.
    for wish in [
        "grpc-status=7;grpc-status-details-bin=!!!",
        "|grpc-status=7;grpc-status-details-bin=AAAA",
    ] {
        let answer = call(&edge, "Echo", &[JSON, ("x-odd", wish)], "{}").await;
        assert_eq!(without_id(answer.json()), expected, "{wish}");
    }
}

#[tokio::test]
async fn details_of_types_that_nobody_here_knows_pass_as_their_bytes() {
    let edge = Edge::start().await;
    let any = any_of("x.example/some.Thing", &[1, 2, 3]);
    let status = [&[26, any.len() as u8][..], &any].concat();
    let wish = format!(
        "|grpc-status=3;grpc-status-details-bin={}",
        STANDARD_NO_PAD.encode(status)
    );
    let expected =
        json!({"code": "invalid_argument", "details": [{"type": "some.Thing", "value": "AQID"}]});
    let answer = call(&edge, "Echo", &[JSON, ("x-odd", &wish)], "{}").await;
    assert_eq!(without_id(answer.json()), expected);
    let body = envelope(0, b"{}");
    let answer = call(&edge, "Count", &[STREAM_JSON, ("x-odd", &wish)], body).await;
    let end = opened(&answer.body).1;
    assert_eq!(without_id(end["error"].clone()), expected);
}

/// A `google.protobuf.Any`.
fn any_of(url: &str, value: &[u8]) -> Vec<u8> {
    let mut any = vec![10, url.len() as u8];
    any.extend_from_slice(url.as_bytes());
    any.extend_from_slice(&[18, value.len() as u8]);
    any.extend_from_slice(value);
    any
}

#[tokio::test]
async fn answers_that_break_the_protocol_are_ours_to_answer_for() {
    let edge = Edge::start().await;
    for wish in ["grpc-status=0", "|grpc-status=0", "", "|x=1"] {
        let answer = call(&edge, "Echo", &[JSON, ("x-odd", wish)], "{}").await;
        assert_eq!(error(&answer), (500, "internal".into()), "{wish}");
    }
    for wish in ["", "|x=1"] {
        let body = envelope(0, b"{}");
        let answer = call(&edge, "Count", &[STREAM_JSON, ("x-odd", wish)], body).await;
        assert_eq!(
            opened(&answer.body).1["error"]["code"],
            "internal",
            "{wish}"
        );
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_unavailable() {
    // Nothing listens on port 1.
    let edge = Edge::before_address(SocketAddr::from(([127, 0, 0, 1], 1))).await;
    let answer = call(&edge, "Echo", &[JSON], "{}").await;
    assert_eq!(error(&answer), (503, "unavailable".into()));
    assert_eq!(answer.header("retry-after"), "1");
    let answer = call(&edge, "Count", &[STREAM_JSON], envelope(0, b"{}")).await;
    assert_eq!(answer.status.as_u16(), 200);
    let (messages, end) = opened(&answer.body);
    assert_eq!(
        (messages.len(), &end["error"]["code"]),
        (0, &json!("unavailable"))
    );
}
