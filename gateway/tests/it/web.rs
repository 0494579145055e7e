//! gRPC-Web, framed by hand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use tonic::Status;
use tonic_types::StatusExt;

use crate::echo::{CountRequest, FailRequest, Number};
use crate::harness::{Answer, Edge};

const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text";

fn frame(message: &impl Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    [&[0][..], &(bytes.len() as u32).to_be_bytes(), &bytes].concat()
}

/// The messages and the trailers of a body.
fn parts(mut body: &[u8]) -> (Vec<Vec<u8>>, String) {
    let (mut messages, mut trailers) = (Vec::new(), String::new());
    while let Some((header, rest)) = body.split_first_chunk::<5>() {
        let len = u32::from_be_bytes(header[1..].try_into().unwrap()) as usize;
        let (content, rest) = rest.split_at(len);
        match header[0] {
            0 => messages.push(content.to_vec()),
            0x80 => trailers = String::from_utf8(content.to_vec()).unwrap(),
            other => panic!("a frame with the flag {other}"),
        }
        body = rest;
    }
    (messages, trailers)
}

/// A body of base64 pieces, each with padding of its own.
fn untext(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let end = rest
            .iter()
            .position(|byte| *byte == b'=')
            .map_or(rest.len(), |at| at.div_ceil(4) * 4);
        bytes.extend(STANDARD.decode(&rest[..end]).unwrap());
        rest = &rest[end..];
    }
    bytes
}

async fn call(edge: &Edge, method: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    edge.send(
        "POST",
        &format!("/echo.v1.EchoService/{method}"),
        headers,
        body,
    )
    .await
}

#[tokio::test]
async fn binary_calls_and_streams_pass() {
    let edge = Edge::start().await;
    for kind in [
        "application/grpc-web",
        BINARY,
        "application/grpc-web+proto;charset=utf-8",
    ] {
        let request = frame(&CountRequest {
            to: 2,
            ..Default::default()
        });
        let answer = call(
            &edge,
            "Count",
            &[("content-type", kind), ("x-grpc-web", "1")],
            request,
        )
        .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, BINARY)
        );
        let (messages, trailers) = parts(&answer.body);
        let numbers: Vec<i32> = messages
            .iter()
            .map(|it| Number::decode(&it[..]).unwrap().number)
            .collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(trailers.lines().next().unwrap(), "grpc-status:0");
        assert!(trailers.ends_with("\r\n") && !trailers.ends_with("\r\n\r\n"));
    }
}

#[tokio::test]
async fn text_is_answered_as_text_unless_binary_is_accepted() {
    let edge = Edge::start().await;
    let request = STANDARD.encode(frame(&CountRequest {
        to: 1,
        ..Default::default()
    }));
    for accept in [None, Some("*/*"), Some("application/grpc-web-text+proto")] {
        let mut headers = vec![("content-type", TEXT)];
        headers.extend(accept.map(|accept| ("accept", accept)));
        let answer = call(&edge, "Count", &headers, request.clone().into()).await;
        assert!(
            answer.header("content-type").starts_with(TEXT),
            "{}",
            answer.header("content-type")
        );
        let (messages, trailers) = parts(&untext(&answer.body));
        assert_eq!(
            (messages.len(), trailers.contains("grpc-status:0")),
            (1, true)
        );
    }
    let headers = [("content-type", TEXT), ("accept", "application/grpc-web")];
    let answer = call(&edge, "Count", &headers, request.into()).await;
    assert_eq!(parts(&answer.body).0.len(), 1);
}

#[tokio::test]
async fn padded_pieces_of_text_are_joined() {
    let edge = Edge::start().await;
    let bytes = frame(&CountRequest {
        to: 3,
        ..Default::default()
    });
    let (first, second) = bytes.split_at(1);
    let request = STANDARD.encode(first) + &STANDARD.encode(second);
    let answer = call(&edge, "Count", &[("content-type", TEXT)], request.into()).await;
    assert_eq!(parts(&untext(&answer.body)).0.len(), 3);
    let answer = call(&edge, "Count", &[("content-type", TEXT)], b"AAAA!".to_vec()).await;
    assert_ne!(answer.header("grpc-status"), "0");
}

/// The status and the message of an answer, wherever they stand in it.
fn end(answer: &Answer) -> (String, String) {
    let body = match answer.header("content-type").starts_with(TEXT) {
        true => untext(&answer.body),
        false => answer.body.to_vec(),
    };
    let trailers = parts(&body).1;
    let find = |name: &str| match answer.header(name) {
        "" => {
            let line = trailers.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value[1..].to_owned()).unwrap_or_default()
        }
        value => value.to_owned(),
    };
    (find("grpc-status"), find("grpc-message"))
}

#[tokio::test]
async fn text_that_is_broken_is_the_clients_fault_in_the_form_it_reads() {
    let edge = Edge::start().await;
    let whole = STANDARD.encode(frame(&CountRequest {
        to: 2,
        ..Default::default()
    }));
    let (not_base64, cut) = (
        "the%20body%20is%20not%20base64",
        "the%20body%20ends%20inside%20a%20group%20of%20base64",
    );
    let cut_off = &whole[..whole.len() - 1];
    let more = whole.clone() + "AA";
    for (body, message) in [
        ("????", not_base64),
        ("AAAA$AAA", not_base64),
        ("=AAA", not_base64),
        ("A", cut),
        (cut_off, cut),
        (&more, cut),
    ] {
        for method in ["Echo", "Count", "Sum", "Chat"] {
            for accept in [TEXT, "application/grpc-web"] {
                let headers = [("content-type", TEXT), ("accept", accept)];
                let body = body.as_bytes().to_vec();
                let answer = call(&edge, method, &headers, body.clone()).await;
                let seen = format!("{method} {accept} {}", String::from_utf8_lossy(&body));
                assert_eq!(answer.status.as_u16(), 200, "{seen}");
                assert!(answer.header("content-type").starts_with(accept), "{seen}");
                assert_eq!(end(&answer), ("3".into(), message.into()), "{seen}");
                assert!(!answer.text().contains("tonic-web"), "{seen}");
            }
        }
    }
    // Who sends nothing else is served by the same endpoint.
    let answer = call(&edge, "Count", &[("content-type", TEXT)], whole.into()).await;
    assert_eq!(end(&answer).0, "0");
}

#[tokio::test]
async fn text_that_breaks_in_a_stream_that_is_answered_ends_it_so() {
    let edge = Edge::start().await;
    let number = frame(&Number { number: 4 });
    let text = STANDARD.encode([&number[..], &number[..]].concat());
    let answer = call(
        &edge,
        "Chat",
        &[("content-type", TEXT)],
        format!("{text}*AAA").into(),
    )
    .await;
    assert_eq!(end(&answer).0, "3");
}

#[tokio::test]
async fn an_error_at_once_stands_in_the_headers() {
    let edge = Edge::start().await;
    let request = frame(&FailRequest {
        code: 5,
        with_details: true,
    });
    let answer = call(&edge, "Fail", &[("content-type", BINARY)], request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("grpc-status")),
        (200, "5")
    );
    assert_eq!(answer.header("x-trailer"), "kept");
    let told = Status::from_header_map(&answer.headers).unwrap();
    let told = told.get_details_request_info().unwrap();
    assert_eq!(told.request_id, answer.header("x-request-id"));
    let answer = call(&edge, "Nope", &[("content-type", BINARY)], vec![]).await;
    assert_eq!(answer.header("grpc-status"), "12");
}

#[tokio::test]
async fn an_error_later_stands_in_the_last_frame() {
    let edge = Edge::start().await;
    let request = frame(&CountRequest {
        to: 3,
        fail_at: 2,
        ..Default::default()
    });
    let answer = call(&edge, "Count", &[("content-type", BINARY)], request).await;
    let (messages, trailers) = parts(&answer.body);
    assert_eq!(messages.len(), 1);
    assert!(
        trailers.contains("grpc-status:10\r\n") && trailers.contains("grpc-status-details-bin:"),
        "{trailers}"
    );
    assert!(trailers.lines().all(|line| {
        line.split(':')
            .next()
            .unwrap()
            .bytes()
            .all(|byte| !byte.is_ascii_uppercase())
    }));
}

#[tokio::test]
async fn only_post_and_only_protobuf_are_taken() {
    let edge = Edge::start().await;
    let answer = edge
        .send(
            "GET",
            "/echo.v1.EchoService/Echo",
            &[("content-type", BINARY)],
            "",
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, "POST")
    );
    let answer = call(
        &edge,
        "Echo",
        &[("content-type", "application/grpc-web+json")],
        vec![],
    )
    .await;
    assert_eq!(answer.status.as_u16(), 415);
}

#[tokio::test]
async fn a_deadline_ends_the_call() {
    let edge = Edge::start().await;
    let headers = [("content-type", BINARY), ("grpc-timeout", "50m")];
    let answer = call(&edge, "Hang", &headers, frame(&())).await;
    assert_eq!(answer.header("grpc-status"), "4");
}
