//! Connect, written by hand: what its specification says, the cases of its conformance suite that servers are held to, and
//! what others' servers got wrong.

mod errors;
mod get;
mod limits;
mod packed;
mod streams;

use bytes::Bytes;
use prost::Message;
use serde_json::{Value, json};

use crate::echo::{FailRequest, UploadRequest};
use crate::harness::{Answer, Edge};

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTO: (&str, &str) = ("content-type", "application/proto");
const STREAM_JSON: (&str, &str) = ("content-type", "application/connect+json");
const STREAM_PROTO: (&str, &str) = ("content-type", "application/connect+proto");
const VERSION: (&str, &str) = ("connect-protocol-version", "1");

fn path(method: &str) -> String {
    format!("/echo.v1.EchoService/{method}")
}

async fn call(
    edge: &Edge,
    method: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    edge.send("POST", &path(method), headers, body).await
}

/// The HTTP status and the code of an error, which is JSON whatever the request was.
fn error(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    assert!(!body["message"].as_str().unwrap().is_empty(), "{body}");
    let code = body["code"].as_str().unwrap().to_owned();
    (answer.status.as_u16(), code)
}

/// A message in an envelope.
fn envelope(flags: u8, message: &[u8]) -> Vec<u8> {
    let len = (message.len() as u32).to_be_bytes();
    [&[flags], &len[..], message].concat()
}

/// The messages of a stream, and its end, which there must be and which is the last.
fn opened(mut body: &[u8]) -> (Vec<Vec<u8>>, Value) {
    let mut messages = Vec::new();
    while let Some((header, rest)) = body.split_first_chunk::<5>() {
        let len = u32::from_be_bytes(header[1..].try_into().unwrap()) as usize;
        let (content, rest) = rest.split_at(len);
        match header[0] {
            0 => messages.push(content.to_vec()),
            2 => {
                assert!(rest.is_empty(), "a stream goes on after its end");
                return (messages, serde_json::from_slice(content).unwrap());
            }
            other => panic!("an envelope with the flags {other}"),
        }
        body = rest;
    }
    panic!("a stream without an end");
}

#[tokio::test]
async fn one_message_goes_in_and_out_bare() {
    let edge = Edge::start().await;
    let message = json!({"str": "é", "int64": "9007199254740993", "child": {"number": 1}});
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
    ] {
        for headers in [
            &[("content-type", kind), VERSION][..],
            &[("content-type", kind)],
        ] {
            let answer = call(&edge, "Echo", headers, message.to_string()).await;
            assert_eq!(answer.ok(), message, "{kind}");
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
    let bytes = FailRequest {
        code: 77,
        with_details: false,
    };
    let answer = call(&edge, "Echo", &[PROTO, VERSION], bytes.encode_to_vec()).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.header("content-type"), "application/proto");
    assert_eq!(answer.body, bytes.encode_to_vec());
}

#[tokio::test]
async fn nothing_is_an_empty_message() {
    let edge = Edge::start().await;
    let answer = call(&edge, "Echo", &[PROTO, VERSION], "").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    for body in ["", "{}"] {
        let answer = call(&edge, "Echo", &[JSON, VERSION], body).await;
        assert_eq!(answer.ok(), json!({}));
    }
}

#[tokio::test]
async fn files_are_fields_like_others() {
    let edge = Edge::start().await;
    let body = r#"{"name": "a", "content": {"contentType": "text/plain", "data": "Zm91cg=="}}"#;
    let answer = call(&edge, "Upload", &[JSON], body).await;
    let content = json!({"contentType": "text/plain", "data": "Zm91cg=="});
    assert_eq!(answer.ok(), json!({"content": content, "size": "4"}));
    let answer = call(
        &edge,
        "Download",
        &[JSON],
        r#"{"contentType": "image/png"}"#,
    )
    .await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.ok(),
        json!({"contentType": "image/png", "data": "AJ+Slg=="})
    );
    let request = UploadRequest::default().encode_to_vec();
    let answer = call(&edge, "Upload", &[PROTO], request).await;
    assert_eq!(answer.status.as_u16(), 200);
}

#[tokio::test]
async fn headers_pass_and_trailers_come_as_headers_with_a_prefix() {
    let edge = Edge::start().await;
    let headers = [
        JSON,
        VERSION,
        ("connect-timeout-ms", "5000"),
        ("connect-accept-encoding", "gzip"),
        ("x-mine", "1"),
        ("x-mine", "2"),
        ("data-bin", "AQI="),
        ("more-bin", "AQI"),
        ("x-user-id", "root"),
    ];
    let answer = call(&edge, "Echo", &headers, "{}").await;
    let seen = answer.header("seen");
    assert!(
        seen.contains("x-mine=1") && seen.contains("data-bin=AQI"),
        "{seen}"
    );
    assert!(seen.contains("more-bin=AQI"), "{seen}");
    assert!(seen.contains("x-mine=2"), "{seen}");
    let time = seen.split("grpc-timeout=").nth(1).unwrap();
    let millis: u32 = time.split('m').next().unwrap().parse().unwrap();
    assert!((1..=5000).contains(&millis), "{seen}");
    for unwanted in ["connect-", "x-user-id"] {
        assert!(!seen.contains(unwanted), "{unwanted} in {seen}");
    }
    assert_eq!(answer.header("data-bin").trim_end_matches('='), "AQI");
    assert!(!answer.headers.contains_key("content-encoding"));

    let wish = "x-first=1;connect-x=1|x-last=a;x-last=b;y-bin=AQI;connect-y=1;grpc-status=5";
    let answer = call(&edge, "Echo", &[JSON, ("x-odd", wish)], "{}").await;
    assert_eq!(answer.json()["code"], "not_found");
    assert_eq!(answer.header("x-first"), "1");
    let last: Vec<_> = answer.headers.get_all("trailer-x-last").iter().collect();
    assert_eq!(last, ["a", "b"]);
    assert_eq!(answer.header("trailer-y-bin"), "AQI");
    let names = answer.headers.keys().map(http::HeaderName::as_str);
    let odd: Vec<_> = names
        .filter(|it| it.contains("connect-") || it.contains("grpc-"))
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[tokio::test]
async fn versions_are_optional_and_ours_alone() {
    let edge = Edge::start().await;
    for version in ["0", "2", "v1", ""] {
        let answer = call(&edge, "Echo", &[JSON, (VERSION.0, version)], "{}").await;
        assert_eq!(
            error(&answer),
            (400, "invalid_argument".into()),
            "{version}"
        );
        assert!(answer.text().contains(VERSION.0), "{}", answer.text());
    }
    let twice = call(&edge, "Echo", &[JSON, VERSION, VERSION], "{}").await;
    assert_eq!(error(&twice), (400, "invalid_argument".into()));
}

#[tokio::test]
async fn types_that_the_method_does_not_take_are_told_by_their_status() {
    let edge = Edge::start().await;
    for kind in [
        "application/foo",
        "image/jpeg",
        "application/protobuf",
        "application/json+x",
        "text/json",
        STREAM_JSON.1,
        STREAM_PROTO.1,
        "application/connect+foo",
    ] {
        for headers in [
            &[("content-type", kind), VERSION][..],
            &[("content-type", kind)],
        ] {
            let answer = call(&edge, "Echo", headers, "{}").await;
            assert_eq!(error(&answer), (415, "unknown".into()), "{kind}");
        }
    }
    let answer = call(&edge, "Echo", &[], "{}").await;
    assert_eq!(error(&answer), (415, "unknown".into()));
    for kind in [
        JSON.1,
        PROTO.1,
        "application/connect+foo",
        "application/connect+",
    ] {
        let answer = call(&edge, "Count", &[("content-type", kind)], "{}").await;
        assert_eq!(error(&answer), (415, "unknown".into()), "{kind}");
        assert!(answer.text().contains("connect+json"), "{}", answer.text());
    }
}

#[tokio::test]
async fn methods_that_are_not_there_are_not_found_and_unimplemented() {
    let edge = Edge::start().await;
    let unknown = (404, "unimplemented".to_owned());
    for kind in [JSON, PROTO, STREAM_JSON, STREAM_PROTO] {
        for target in ["/echo.v1.EchoService/Nope", "/no.v1.Service/Nope"] {
            let answer = edge.send("POST", target, &[kind, VERSION], "").await;
            assert_eq!(error(&answer), unknown, "{target} {}", kind.1);
        }
    }
    let answer = edge.send("POST", &path("echo"), &[JSON], "{}").await;
    assert_eq!(error(&answer), unknown);
    // Without a sign of Connect it is told as the rest of our JSON is.
    let answer = edge
        .send("POST", "/no.v1.Service/Nope", &[JSON], "{}")
        .await;
    assert_eq!(answer.error(), (404, 12));
    // Other paths are nobody's but their own, whatever the headers say.
    let answer = edge.send("POST", "/v1/echo", &[JSON, VERSION], "{}").await;
    assert_eq!(answer.ok(), json!({}));
    assert_eq!(
        edge.send("GET", "/readyz", &[VERSION], "").await.status,
        200
    );
}

#[tokio::test]
async fn services_without_a_contract_are_for_grpc() {
    let services = ["echo.v1.EchoService", "dark.v1.Dark"];
    let edge = Edge::before(&crate::harness::pool(), &services, Default::default(), None).await;
    for headers in [&[JSON, VERSION][..], &[JSON], &[PROTO]] {
        let answer = edge.send("POST", "/dark.v1.Dark/Any", headers, "").await;
        assert_eq!(error(&answer), (501, "unimplemented".into()));
        assert!(answer.text().contains("gRPC"), "{}", answer.text());
    }
}

#[tokio::test]
async fn other_verbs_are_told_which_there_are() {
    let edge = Edge::start().await;
    for (verb, method, allowed) in [
        ("DELETE", "Echo", "POST"),
        ("PUT", "Echo", "POST"),
        ("GET", "Echo", "POST"),
        ("GET", "Count", "POST"),
        ("OPTIONS", "Echo", "POST"),
        ("DELETE", "Get", "GET, POST"),
        ("PATCH", "Peek", "GET, POST"),
    ] {
        let answer = edge.send(verb, &path(method), &[PROTO, VERSION], "").await;
        assert_eq!(error(&answer), (405, "unknown".into()), "{verb} {method}");
        assert_eq!(answer.header("allow"), allowed, "{verb} {method}");
    }
    let head = edge.send("HEAD", &path("Echo"), &[], "").await;
    assert_eq!((head.status.as_u16(), head.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn other_compressions_than_gzip_are_refused_with_what_is_supported() {
    let edge = Edge::start().await;
    for coding in ["br", "foo", "x-gzip", "gzip, gzip", "gzip, br"] {
        for body in ["", "x"] {
            let headers = [PROTO, VERSION, ("content-encoding", coding)];
            let answer = call(&edge, "Echo", &headers, body).await;
            assert_eq!(error(&answer), (501, "unimplemented".into()), "{coding}");
            assert!(answer.text().contains("gzip"), "{}", answer.text());
            assert_eq!(answer.header("accept-encoding"), "gzip");
        }
    }
    for coding in ["identity", "", "Identity"] {
        let headers = [
            JSON,
            ("content-encoding", coding),
            ("accept-encoding", "gzip, br"),
        ];
        let answer = call(&edge, "Echo", &headers, "{}").await;
        assert_eq!(answer.ok(), json!({}), "{coding}");
        assert_eq!(answer.header("content-encoding"), "");
    }
}

#[tokio::test]
async fn hostile_json_is_the_clients_fault() {
    let edge = Edge::start().await;
    let deep = "{\"child\":".repeat(20_000) + "{}" + &"}".repeat(20_000);
    for body in [
        deep.into_bytes(),
        b"{".to_vec(),
        b"{} {}".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"{\"nope\": 1}".to_vec(),
        b"{\"int32\": \"x\"}".to_vec(),
        vec![b'{', 0xff, b'}'],
        envelope(0, b"{}"),
    ] {
        let answer = call(&edge, "Echo", &[JSON], body.clone()).await;
        let seen = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        assert_eq!(error(&answer), (400, "invalid_argument".into()), "{seen}");
    }
    let answer = call(&edge, "Echo", &[JSON], r#"{"child": {"nope": 1}}"#).await;
    let details = answer.json()["details"].clone();
    assert_eq!(details[1]["type"], "google.rpc.BadRequest");
    let violation = &details[1]["debug"]["fieldViolations"][0];
    assert_eq!(violation["field"], "child.nope");
}

#[tokio::test]
async fn a_header_that_no_method_heeds_here_is_refused() {
    let edge = Edge::start().await;
    let delete = "/echo.v1.EchoService/DeleteThing";
    let stale = [JSON, ("if-match", "\"e1\"")];
    let answer = edge.send("POST", delete, &stale, r#"{"id": "t1"}"#).await;
    assert_eq!(error(&answer), (400, "invalid_argument".into()));
    let said = edge.send("POST", delete, &[JSON], r#"{"id": "t1", "etag": "e1"}"#);
    assert_eq!(said.await.ok()["etag"], "e1");
}
