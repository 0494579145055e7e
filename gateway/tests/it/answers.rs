//! Answers of mounted services that break the protocol, or use it as few do.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::json;
use tonic::body::Body;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use crate::echo::{CountRequest, Number};
use crate::grpc::{client, path};
use crate::harness::Edge;

/// An answer that the header `x-odd` asks for: headers, then trailers after `|`, as `name=value;…`, where `%` precedes a byte
/// beyond ASCII. Without `|` there is nothing after the headers.
pub(crate) fn odd(wish: &str) -> Response<Body> {
    let (first, last) = match wish.split_once('|') {
        Some((first, last)) => (first, Some(last)),
        None => (wish, None),
    };
    let body = match last {
        None => Body::empty(),
        Some(last) => {
            let trailers = Frame::<Bytes>::trailers(map(last));
            Body::new(StreamBody::new(tokio_stream::once(Ok::<_, tonic::Status>(
                trailers,
            ))))
        }
    };
    let mut answer = Response::new(body);
    *answer.headers_mut() = map(first);
    answer
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    answer
}

fn map(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in text.split(';').filter_map(|field| field.split_once('=')) {
        let value = value.replace('~', "\u{e9}");
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

const FORMS: [&str; 4] = [
    "text/event-stream",
    "application/x-ndjson",
    "application/json",
    "*/*",
];

#[tokio::test]
async fn a_stream_of_no_messages_is_empty_in_every_form() {
    let edge = Edge::start().await;
    for wish in [
        "grpc-status=0",
        "|grpc-status=0",
        "grpc-status=0|x=1",
        "grpc-status=0;x-a=1|grpc-status=0",
    ] {
        for (accept, body) in FORMS.iter().zip(["", "", "[]", ""]) {
            let headers = [("x-odd", wish), ("accept", accept)];
            let answer = edge.send("GET", "/v1/count/3", &headers, "").await;
            let seen = (answer.status.as_u16(), answer.text());
            assert_eq!(seen, (200, body.to_owned()), "{wish} {accept}");
        }
        let raw = edge
            .send("GET", "/v1/raw-parts", &[("x-odd", wish)], "")
            .await;
        assert_eq!((raw.status.as_u16(), raw.body.len()), (200, 0), "{wish}");
    }
}

#[tokio::test]
async fn one_message_that_is_missing_is_an_error() {
    let edge = Edge::start().await;
    for wish in ["grpc-status=0", "|grpc-status=0", "", "|x=1"] {
        for target in ["/v1/get", "/v1/raw"] {
            let answer = edge.send("GET", target, &[("x-odd", wish)], "").await;
            assert_eq!(answer.error(), (500, 13), "{target} {wish}");
        }
    }
    // A stream without any status is no empty one.
    for wish in ["", "|x=1"] {
        let answer = edge
            .send("GET", "/v1/count/1", &[("x-odd", wish)], "")
            .await;
        assert_eq!(answer.error(), (500, 13), "{wish}");
    }
}

#[tokio::test]
async fn a_broken_status_is_told_without_what_is_broken() {
    let edge = Edge::start().await;
    let table = [
        ("grpc-status=3;grpc-status-details-bin=!!!", (400, 3), ""),
        (
            "grpc-status=3;grpc-message=a%20b;grpc-status-details-bin=~",
            (400, 3),
            "a b",
        ),
        (
            "grpc-status=3;grpc-status-details-bin=AAAA;grpc-status-details-bin=AAAA",
            (400, 3),
            "",
        ),
        ("grpc-status=5;grpc-status-details-bin=/////w", (404, 5), ""),
        ("grpc-status=3;grpc-message=100%;x=1", (400, 3), "100%"),
        ("grpc-status=3;grpc-message=%FF%zz", (400, 3), "\u{fffd}%zz"),
        ("grpc-status=3;grpc-message=caf~", (400, 3), "caf\u{e9}"),
        ("grpc-status=abc", (500, 2), ""),
        ("grpc-status=", (500, 2), ""),
        ("grpc-status=1024;grpc-message=far", (500, 2), "far"),
        ("grpc-status=0;grpc-status=7", (500, 2), ""),
        ("grpc-status=7;grpc-status=7", (403, 7), ""),
    ];
    for (status, code, message) in table {
        // In headers alone, after headers, and of a stream.
        for wish in [status.to_owned(), format!("|{status}")] {
            for (target, accept) in [
                ("/v1/get", "*/*"),
                ("/v1/count/1", FORMS[0]),
                ("/v1/count/1", FORMS[2]),
            ] {
                let headers = [("x-odd", wish.as_str()), ("accept", accept)];
                let answer = edge.send("GET", target, &headers, "").await;
                assert_eq!(answer.error(), code, "{wish} {target}");
                assert_eq!(answer.json()["message"], message, "{wish} {target}");
                let request_id = json!({
                    "@type": "type.googleapis.com/google.rpc.RequestInfo",
                    "requestId": answer.header("x-request-id"),
                });
                assert_eq!(answer.json()["details"], json!([request_id]), "{wish}");
            }
            let web = [
                ("content-type", "application/grpc-web"),
                ("x-odd", wish.as_str()),
            ];
            let answer = edge
                .send("POST", "/echo.v1.EchoService/Count", &web, vec![0; 5])
                .await;
            let in_body =
                String::from_utf8_lossy(&answer.body).contains(&format!("grpc-status:{}", code.1));
            let expected = code.1.to_string();
            assert!(
                in_body || answer.header("grpc-status") == expected,
                "{wish}"
            );
        }
    }
}

#[tokio::test]
async fn clients_of_grpc_are_told_the_same() {
    let edge = Edge::start().await;
    for (wish, code) in [
        (
            "grpc-status=3;grpc-status-details-bin=!!!;x-odd=~",
            Code::InvalidArgument,
        ),
        (
            "x-odd=~|grpc-status=3;grpc-status-details-bin=!!!;x-odd=~",
            Code::InvalidArgument,
        ),
        ("|grpc-status=abc", Code::Unknown),
        ("|x=1", Code::Internal),
        ("", Code::Internal),
    ] {
        let mut request = Request::new(CountRequest::default());
        request
            .metadata_mut()
            .insert("x-odd", wish.parse().unwrap());
        let codec = ProstCodec::<CountRequest, Number>::default();
        let answer = client(&edge)
            .await
            .server_streaming(request, path("Count"), codec)
            .await;
        let status = match answer {
            Err(status) => status,
            Ok(answer) => answer.into_inner().message().await.unwrap_err(),
        };
        assert_eq!(status.code(), code, "{wish}: {status:?}");
        assert!(!status.metadata().contains_key("x-odd"), "{wish}");
    }
}

#[tokio::test]
async fn metadata_with_odd_bytes_does_not_reach_clients() {
    let edge = Edge::start().await;
    let wish = "x-a=1;x-b=caf~;c-bin=!!;grpc-status=0|x-d=~;x-e=2;grpc-status=0";
    let answer = edge
        .send("GET", "/v1/count/1", &[("x-odd", wish)], "")
        .await;
    assert_eq!(answer.header("x-a"), "1");
    for name in ["x-b", "c-bin", "x-d"] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
}
