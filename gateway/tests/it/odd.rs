//! Requests as browsers, proxies and careless clients send them.

use http::HeaderValue;

use crate::grpc::{client, path};
use crate::harness::{Edge, raw};

/// A header's text in UTF-8 and in Latin-1.
const ODD: [&[u8]; 3] = ["S\u{e3}o Paulo".as_bytes(), b"S\xe3o Paulo", b"\x80\xff"];

fn request(target: &str, header: &str, value: &[u8]) -> Vec<u8> {
    let start = format!(
        "POST {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n{header}: "
    );
    [start.as_bytes(), value, b"\r\n\r\n{}"].concat()
}

#[tokio::test]
async fn a_header_that_is_not_ascii_is_left_out_and_the_call_is_answered() {
    let edge = Edge::start().await;
    let headers = [
        "cf-ipcity",
        "user-agent",
        "cookie",
        "referer",
        "authorization",
        "x-request-id",
        "traceparent",
        "tracestate",
        "baggage",
        "accept",
        "accept-language",
        "content-type",
        "idempotency-key",
        "if-match",
        "x-forwarded-for",
        "forwarded",
        "origin",
        "data-bin",
        "last-event-id",
        "expect",
        "te",
        "cache-control",
        "x-grpc-web",
        "priority",
    ];
    for header in headers {
        for value in ODD {
            let answer = raw(edge.address, &request("/v1/echo", header, value)).await;
            assert!(
                answer.starts_with("HTTP/1.1 200"),
                "{header} {value:?}: {answer}"
            );
            assert!(!answer.contains("Paulo"), "{header}: {answer}");
            assert!(answer.contains("x-request-id: "), "{header}");
        }
    }
}

#[tokio::test]
async fn odd_bytes_in_what_decides_are_refused_by_name() {
    let edge = Edge::start().await;
    for header in ["grpc-timeout", "x-server-timeout"] {
        for value in ODD {
            let answer = raw(edge.address, &request("/v1/echo", header, value)).await;
            assert!(
                answer.starts_with("HTTP/1.1 400") && answer.contains(header),
                "{answer}"
            );
        }
    }
    for value in ODD {
        let answer = raw(
            edge.address,
            &request("/v1/echo", "content-encoding", value),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");
        let answer = raw(edge.address, &request("/v1/raw/a", "content-type", value)).await;
        assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");
    }
    // A parameter may have any: it says nothing of the type.
    let named = "image/png; name=\"caf\u{e9}.png\"".as_bytes();
    let answer = raw(edge.address, &request("/v1/raw/a", "content-type", named)).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("content-type: image/png\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn grpc_leaves_out_the_same() {
    let edge = Edge::start().await;
    let mut message = tonic::Request::new(bytes::Bytes::new());
    let headers = message.metadata_mut().as_mut();
    for name in ["cf-ipcity", "referer", "data-bin"] {
        headers.insert(name, HeaderValue::from_bytes(ODD[1]).unwrap());
    }
    headers.insert("x-mine", HeaderValue::from_static("1"));
    let answer = client(&edge)
        .await
        .unary(message, path("Echo"), crate::raw::Raw)
        .await
        .unwrap();
    let seen = answer.metadata().get("seen").unwrap().to_str().unwrap();
    assert!(
        seen.contains("x-mine=1") && !seen.contains("cf-ipcity"),
        "{seen}"
    );

    let web = [
        ("content-type", "Application/gRPC-Web+Proto; a=b"),
        ("cf-ipcity", "Z\u{fc}rich"),
    ];
    let answer = edge
        .send("POST", "/echo.v1.EchoService/Echo", &web, vec![0; 5])
        .await;
    assert_eq!(answer.header("content-type"), "application/grpc-web+proto");
    assert!(answer.text().contains("grpc-status:0"), "{}", answer.text());
}

#[tokio::test]
async fn a_header_that_decides_comes_once() {
    let edge = Edge::start().await;
    for (name, value) in [
        ("authorization", "Bearer a"),
        ("content-type", "application/json"),
        ("x-request-id", "a"),
        ("grpc-timeout", "5S"),
        ("x-server-timeout", "5"),
        ("idempotency-key", "a"),
        ("origin", "https://a.example"),
    ] {
        let twice = [(name, value), (name, value)];
        let answer = edge.send("POST", "/v1/echo", &twice, "{}").await;
        assert_eq!(answer.error(), (400, 3), "{name}");
        assert!(answer.json()["message"].as_str().unwrap().contains(name));
        if name == "content-type" {
            continue;
        }
        let web = [("content-type", "application/grpc-web"), twice[0], twice[1]];
        let answer = edge
            .send("POST", "/echo.v1.EchoService/Echo", &web, vec![0; 5])
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("grpc-status")),
            (200, "3"),
            "{name}"
        );
    }
    let mut message = tonic::Request::new(bytes::Bytes::new());
    for token in ["Bearer a", "Bearer b"] {
        message
            .metadata_mut()
            .append("authorization", token.parse().unwrap());
    }
    let status = client(&edge)
        .await
        .unary(message, path("Echo"), crate::raw::Raw)
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(status.message().contains("authorization"));
    let lengths =
        b"POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}";
    assert!(raw(edge.address, lengths).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn media_types_have_no_case() {
    let edge = Edge::start().await;
    for kind in [
        "APPLICATION/JSON",
        "Application/Json ; Charset=UTF-8",
        "application/vnd.a+JSON",
    ] {
        let answer = edge
            .send(
                "POST",
                "/v1/echo",
                &[("content-type", kind)],
                r#"{"int32": 1}"#,
            )
            .await;
        assert_eq!(answer.ok(), serde_json::json!({"int32": 1}), "{kind}");
    }
    let text = [
        ("content-type", "APPLICATION/GRPC-WEB-TEXT+PROTO"),
        (
            "accept",
            "application/grpc-web;q=0.5, Application/GRPC-Web-Text;q=0.6",
        ),
    ];
    let answer = edge
        .send("POST", "/echo.v1.EchoService/Echo", &text, "AAAAAAA=")
        .await;
    assert_eq!(
        answer.header("content-type"),
        "application/grpc-web-text+proto"
    );
    let binary = [text[0], ("accept", "application/grpc-web-text;q=0, */*")];
    let answer = edge
        .send("POST", "/echo.v1.EchoService/Echo", &binary, "AAAAAAA=")
        .await;
    assert_eq!(answer.header("content-type"), "application/grpc-web+proto");
}

#[tokio::test]
async fn a_stream_has_the_form_of_the_largest_weight() {
    let edge = Edge::start().await;
    for (accept, kind) in [
        (
            "application/json;q=0.1, text/event-stream",
            "text/event-stream",
        ),
        (
            "Text/Event-Stream;q=0.2, APPLICATION/JSON;q=0.1",
            "text/event-stream",
        ),
        (
            "text/event-stream;q=0, application/json;q=0.001",
            "application/json",
        ),
        ("text/event-stream;q=0, */*", "application/x-ndjson"),
    ] {
        let answer = edge
            .send("GET", "/v1/count/1", &[("accept", accept)], "")
            .await;
        assert_eq!(answer.header("content-type"), kind, "{accept}");
    }
    let several = [
        ("accept", "application/json;q=0.1"),
        ("accept", "text/event-stream"),
    ];
    let answer = edge.send("GET", "/v1/count/1", &several, "").await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
}

#[tokio::test]
async fn the_client_behind_a_proxy_is_known_however_the_proxy_writes_it() {
    let config = troupe_gateway::Config {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..Default::default()
    };
    let edge = Edge::with(config).await;
    for (forwarded, client) in [
        ("203.0.113.9:4711", "203.0.113.9"),
        ("unknown, [2001:db8::1]:443", "2001:db8::1"),
        ("\"[fe80::1%eth0]:1\", 127.0.0.2:99", "fe80::1"),
        ("S\u{e3}o, ::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, _hidden", "127.0.0.1"),
    ] {
        let answer = edge
            .send("GET", "/v1/get", &[("x-forwarded-for", forwarded)], "")
            .await;
        let seen = answer.header("seen").to_owned();
        let expected = format!("x-troupe-client-address={client}");
        assert!(seen.split(';').any(|it| it == expected), "{seen}");
    }
}
