//! Reads by GET.

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use prost::Message;
use prost_reflect::prost_types::MethodOptions;
use prost_reflect::prost_types::method_options::IdempotencyLevel;
use serde_json::json;
use troupe_proto::policy::Audience;

use super::{VERSION, error, path};
use crate::echo::CountRequest;
use crate::harness::{Answer, Edge};
use crate::identity::{self, Issuer};

async fn get(edge: &Edge, method: &str, query: &str) -> Answer {
    edge.get(&format!("{}?{query}", path(method))).await
}

#[tokio::test]
async fn what_reads_can_be_asked_by_get() {
    let edge = Edge::start().await;
    let message = "%7B%22str%22%3A%22a%20b+c%26%C3%A9%22%7D";
    for query in [
        format!("connect=v1&encoding=json&message={message}"),
        format!("message={message}&encoding=json"),
        format!("encoding=json&message={message}&utm=1&%zz&=&compression=identity&base64=0"),
        format!("encoding=json&compression=&mess%61ge={message}"),
    ] {
        let answer = get(&edge, "Get", &query).await;
        assert_eq!(answer.ok(), json!({"str": "a b c&é"}), "{query}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
    let answer = get(&edge, "Peek", "encoding=json&message=%7B%7D").await;
    assert_eq!(answer.ok(), json!({}));
    // Caches are told nothing of what anybody may read.
    assert_eq!(answer.header("cache-control"), "");
}

#[tokio::test]
async fn base64_is_taken_with_and_without_padding() {
    let edge = Edge::start().await;
    let message = CountRequest {
        to: 1,
        fail_at: -1,
        hang: false,
    };
    let bytes = message.encode_to_vec();
    let padded = URL_SAFE.encode(&bytes);
    assert!(padded.ends_with('=') && padded.contains('_'), "{padded}");
    for text in [
        URL_SAFE_NO_PAD.encode(&bytes),
        padded.replace('=', "%3D"),
        padded.clone(),
    ] {
        let query = format!("connect=v1&encoding=proto&base64=1&message={text}");
        let answer = get(&edge, "Get", &query).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), "application/proto");
        assert_eq!(answer.body, bytes, "{text}");
    }
    let json = URL_SAFE_NO_PAD.encode(r#"{"str":"é"}"#);
    let query = format!("encoding=json&base64=1&message={json}");
    assert_eq!(get(&edge, "Get", &query).await.ok(), json!({"str": "é"}));
    let empty = get(&edge, "Get", "encoding=proto&base64=1&message=").await;
    assert_eq!((empty.status.as_u16(), empty.body.len()), (200, 0));
}

#[tokio::test]
async fn queries_that_say_something_else_are_refused() {
    let edge = Edge::start().await;
    for (query, status, code) in [
        ("", 415, "unknown"),
        ("message=%7B%7D", 415, "unknown"),
        ("encoding=xml&message=%7B%7D", 415, "unknown"),
        ("encoding=JSON&message=%7B%7D", 415, "unknown"),
        ("encoding=json", 400, "invalid_argument"),
        ("encoding=json&message=x", 400, "invalid_argument"),
        ("encoding=json&message=%zz", 400, "invalid_argument"),
        ("encoding=json&message=%FF", 400, "invalid_argument"),
        ("encoding=proto&message=%FF%01", 400, "invalid_argument"),
        (
            "encoding=json&base64=1&message=a+b%2F",
            400,
            "invalid_argument",
        ),
        ("encoding=json&base64=1&message=e", 400, "invalid_argument"),
        (
            "encoding=json&message=%7B%7D&message=%7B%7D",
            400,
            "invalid_argument",
        ),
        (
            "connect=v2&encoding=json&message=%7B%7D",
            400,
            "invalid_argument",
        ),
        (
            "connect=1&encoding=json&message=%7B%7D",
            400,
            "invalid_argument",
        ),
        (
            "encoding=json&message=%7B%7D&compression=gzip",
            400,
            "invalid_argument",
        ),
        (
            "encoding=json&base64=1&message=&compression=br",
            501,
            "unimplemented",
        ),
    ] {
        let answer = get(&edge, "Get", query).await;
        assert_eq!(error(&answer), (status, code.to_owned()), "{query}");
    }
    let with_body = edge
        .send(
            "GET",
            &(path("Get") + "?encoding=json&message=%7B%7D"),
            &[VERSION],
            "{}",
        )
        .await;
    assert_eq!(error(&with_body), (400, "invalid_argument".into()));
}

#[tokio::test]
async fn what_changes_something_is_not_asked_by_get() {
    let edge = Edge::start().await;
    for method in ["Echo", "Upload", "Count", "Sum", "Chat"] {
        let answer = get(&edge, method, "connect=v1&encoding=json&message=%7B%7D").await;
        assert_eq!(error(&answer), (405, "unknown".into()), "{method}");
        assert_eq!(answer.header("allow"), "POST", "{method}");
    }
}

#[tokio::test]
async fn of_our_contracts_those_methods_go_by_get_that_say_they_change_nothing() {
    let issuer = Issuer::new();
    let edge = identity::edge(&issuer, troupe_gateway::Config::default()).await;
    let token = issuer.token('q', true);
    let headers = [("authorization", token.as_str())];
    let pool = troupe_proto::descriptor_pool();
    let mut asked = 0;
    for service in pool.services() {
        for method in service
            .methods()
            .filter(|method| !method.is_server_streaming())
        {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let policy = troupe_proto::policy::find(&path);
            if policy.is_none_or(|policy| policy.audience == Audience::Service) {
                continue;
            }
            let options = method.method_descriptor_proto().options.as_ref();
            let level = options.map(MethodOptions::idempotency_level);
            let reads = level == Some(IdempotencyLevel::NoSideEffects);
            let target = format!("{path}?connect=v1&encoding=proto&base64=1&message=");
            let answer = edge.send("GET", &target, &headers, "").await;
            let expected = if reads { 200 } else { 405 };
            assert_eq!(answer.status.as_u16(), expected, "{path} {}", answer.text());
            asked += usize::from(reads);
        }
    }
    assert!(asked > 10, "{asked}");
}

#[tokio::test]
async fn a_get_has_a_deadline_and_an_own_limit() {
    let mut config = troupe_gateway::Config::default();
    config.limits.request_bytes = 100;
    let edge = Edge::with(config).await;
    let target = path("Hang") + "?encoding=json&message=%7B%7D";
    let answer = edge
        .send("GET", &target, &[("connect-timeout-ms", "50")], "")
        .await;
    assert_eq!(error(&answer), (504, "deadline_exceeded".into()));
    let message = URL_SAFE_NO_PAD.encode([0; 101]);
    for method in ["Get", "Peek"] {
        let query = format!("encoding=proto&base64=1&message={message}");
        let answer = get(&edge, method, &query).await;
        assert_eq!(error(&answer), (429, "resource_exhausted".into()));
    }
}
