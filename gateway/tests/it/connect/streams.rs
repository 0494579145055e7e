//! Streams of answers, in envelopes.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use prost::Message;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_stream::StreamExt;

use super::{STREAM_JSON, STREAM_PROTO, VERSION, call, envelope, error, opened, path};
use crate::echo::{CountRequest, HttpBody, Number};
use crate::harness::{Answer, Edge};

/// A call of `Count` in JSON.
async fn count(edge: &Edge, request: &str) -> Answer {
    let body = envelope(0, request.as_bytes());
    call(edge, "Count", &[STREAM_JSON, VERSION], body).await
}

/// The error at the end of an answer without messages.
fn failed(answer: &Answer) -> Value {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    let (messages, end) = opened(&answer.body);
    assert!(messages.is_empty());
    end["error"].clone()
}

#[tokio::test]
async fn messages_and_an_end_come_in_both_codecs() {
    let edge = Edge::start().await;
    let answer = count(&edge, r#"{"to": 3}"#).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.header("content-type"), STREAM_JSON.1);
    assert_eq!(answer.header("connect-content-encoding"), "");
    assert_eq!(answer.header("cache-control"), "no-store");
    let (messages, end) = opened(&answer.body);
    let numbers: Vec<Value> = messages
        .iter()
        .map(|it| serde_json::from_slice(it).unwrap())
        .collect();
    let expected: Vec<Value> = (1..=3).map(|number| json!({ "number": number })).collect();
    assert_eq!((numbers, end), (expected, json!({})));

    let request = CountRequest {
        to: 2,
        ..Default::default()
    };
    let body = envelope(0, &request.encode_to_vec());
    let answer = call(&edge, "Count", &[STREAM_PROTO], body).await;
    assert_eq!(answer.header("content-type"), STREAM_PROTO.1);
    let (messages, end) = opened(&answer.body);
    let numbers: Vec<i32> = messages
        .iter()
        .map(|it| Number::decode(&it[..]).unwrap().number)
        .collect();
    // The end is JSON, also where the messages aren't.
    assert_eq!((numbers, end), (vec![1, 2], json!({})));
}

#[tokio::test]
async fn nothing_is_an_empty_message_and_a_stream_may_be_empty() {
    let edge = Edge::start().await;
    for kind in [STREAM_JSON, STREAM_PROTO] {
        let answer = call(&edge, "Count", &[kind], envelope(0, b"")).await;
        assert_eq!(opened(&answer.body), (vec![], json!({})), "{}", kind.1);
    }
    let parts = envelope(0, br#"{"parts": 2, "contentType": "a/b"}"#);
    let answer = call(&edge, "DownloadParts", &[STREAM_JSON], parts).await;
    let (messages, _) = opened(&answer.body);
    let first: Value = serde_json::from_slice(&messages[0]).unwrap();
    assert_eq!(first, json!({"contentType": "a/b", "data": "AAAA"}));
    assert_eq!(messages.len(), 2);
    let answer = call(
        &edge,
        "DownloadParts",
        &[STREAM_PROTO],
        envelope(0, &[16, 1]),
    )
    .await;
    let (messages, _) = opened(&answer.body);
    assert_eq!(HttpBody::decode(&messages[0][..]).unwrap().data, [0; 3]);
}

#[tokio::test]
async fn errors_stand_at_the_end_under_200() {
    let edge = Edge::start().await;
    let answer = count(&edge, r#"{"to": 3, "failAt": 1}"#).await;
    let at_once = failed(&answer);
    assert_eq!(answer.header("content-type"), STREAM_JSON.1);
    let (messages, end) = opened(&count(&edge, r#"{"to": 3, "failAt": 3}"#).await.body);
    assert_eq!(messages.len(), 2);
    for error in [at_once, end["error"].clone()] {
        assert_eq!(error["code"], "aborted");
        assert_eq!(error["message"], "stopped counting");
        assert_eq!(error["details"][0]["type"], "google.rpc.RetryInfo");
        assert_eq!(error["details"][0]["debug"]["retryDelay"], "1.500s");
    }
}

#[tokio::test]
async fn headers_come_first_and_trailers_with_the_end() {
    let edge = Edge::start().await;
    for (status, code) in [("0", Value::Null), ("5", json!("not_found"))] {
        let wish = format!(
            "x-first=1|x-last=a;x-last=\"b\";y-bin=AQI;connect-z=1;content-type=a/b;grpc-status={status}"
        );
        let headers = [STREAM_JSON, ("x-odd", &wish)];
        let answer = call(&edge, "Count", &headers, envelope(0, b"{}")).await;
        assert_eq!(answer.header("x-first"), "1");
        let (_, end) = opened(&answer.body);
        assert_eq!(end["error"]["code"], code);
        let metadata = json!({"x-last": ["a", "\"b\""], "y-bin": ["AQI"]});
        assert_eq!(end["metadata"], metadata);
    }
}

#[tokio::test]
async fn a_request_is_one_envelope() {
    let edge = Edge::start().await;
    let one = envelope(0, b"{}");
    let two = [&one[..], &one].concat();
    let mut far = envelope(0, b"{}");
    far[4] = 200;
    let mut huge = envelope(0, b"{}");
    huge[1..5].fill(0xff);
    for (body, code) in [
        (vec![], "unimplemented"),
        (two, "unimplemented"),
        (vec![0], "invalid_argument"),
        (vec![0, 0, 0, 0], "invalid_argument"),
        (far, "invalid_argument"),
        (huge, "resource_exhausted"),
        (one[..6].to_vec(), "invalid_argument"),
        (b"{}".to_vec(), "invalid_argument"),
        (envelope(1, b"{}"), "internal"),
        (envelope(2, b"{}"), "invalid_argument"),
        (envelope(0x80, b"{}"), "invalid_argument"),
        (envelope(4, b"{}"), "invalid_argument"),
        (envelope(0, b"{"), "invalid_argument"),
        (envelope(0, &[0xff]), "invalid_argument"),
        (envelope(0, br#"{"nope": 1}"#), "invalid_argument"),
    ] {
        for kind in [
            STREAM_JSON,
            (STREAM_JSON.0, "application/connect+json; a=b"),
        ] {
            let answer = call(&edge, "Count", &[kind, VERSION], body.clone()).await;
            assert_eq!(answer.header("content-type"), STREAM_JSON.1);
            assert_eq!(failed(&answer)["code"], code, "{body:?}");
        }
    }
}

#[tokio::test]
async fn streams_of_requests_are_refused_in_words() {
    let edge = Edge::start().await;
    for method in ["Sum", "Chat"] {
        let answer = call(&edge, method, &[STREAM_JSON], envelope(0, b"{}")).await;
        let error = failed(&answer);
        assert_eq!(error["code"], "unimplemented", "{method}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("application/connect+proto"), "{message}");
        let answer = call(&edge, method, &[super::JSON], "{}").await;
        assert_eq!(super::error(&answer).0, 415, "{method}");
        assert!(answer.text().contains("gRPC"), "{}", answer.text());
    }
}

#[tokio::test]
async fn requests_stream_in_protobuf() {
    let edge = Edge::start().await;
    let number = |number| envelope(0, &Number { number }.encode_to_vec());
    let numbers: Vec<u8> = (1..=4).flat_map(number).collect();
    let answer = call(&edge, "Sum", &[STREAM_PROTO, VERSION], numbers.clone()).await;
    let (messages, end) = opened(&answer.body);
    assert_eq!(end, json!({}));
    assert_eq!(Number::decode(&messages[0][..]).unwrap().number, 10);
    // HTTP/1.1 can't do both at a time.
    let answer = call(&edge, "Chat", &[STREAM_PROTO], numbers).await;
    let error = failed(&answer);
    assert_eq!(error["code"], "unimplemented");
    assert!(error["message"].as_str().unwrap().contains("HTTP/2"));
    // What is too large is refused as soon as it says so.
    let large = [0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3];
    let answer = call(&edge, "Sum", &[STREAM_PROTO], large.to_vec()).await;
    assert_eq!(failed(&answer)["code"], "resource_exhausted");
}

#[tokio::test]
async fn a_call_streams_both_ways_over_http2() {
    let edge = Edge::start().await;
    let mut sender = edge.http2().await;
    let (tx, rx) = tokio::sync::mpsc::channel::<Vec<u8>>(1);
    let sending = tokio_stream::wrappers::ReceiverStream::new(rx);
    let sending = sending.map(|part| Ok::<_, Infallible>(Frame::data(Bytes::from(part))));
    let number = |number| envelope(0, &Number { number }.encode_to_vec());
    tx.send(number(1)).await.unwrap();
    let request = http::Request::post(format!("http://{}{}", edge.address, path("Chat")))
        .header(STREAM_PROTO.0, STREAM_PROTO.1)
        .header(VERSION.0, VERSION.1)
        .body(StreamBody::new(sending))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.headers()["content-type"], STREAM_PROTO.1);
    let mut body = answer.into_body();
    for sent in 1..=3 {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(Number::decode(&frame[5..]).unwrap().number, sent * 2);
        tx.send(number(sent + 1)).await.unwrap();
    }
    drop(tx);
    let rest = body.collect().await.unwrap().to_bytes();
    let (messages, end) = opened(&rest);
    assert_eq!((messages.len(), end), (1, json!({})));
}

#[tokio::test]
async fn compression_is_refused_where_it_is_of_the_whole_stream_or_unknown() {
    let edge = Edge::start().await;
    for (name, coding) in [
        ("connect-content-encoding", "br"),
        ("content-encoding", "gzip"),
    ] {
        let headers = [STREAM_JSON, (name, coding)];
        let answer = call(&edge, "Count", &headers, envelope(1, b"x")).await;
        assert_eq!(failed(&answer)["code"], "unimplemented", "{name}");
        assert_eq!(answer.header("connect-accept-encoding"), "gzip");
    }
    let headers = [
        STREAM_JSON,
        ("connect-content-encoding", "identity"),
        ("connect-accept-encoding", "gzip,br"),
    ];
    let answer = call(&edge, "Count", &headers, envelope(0, br#"{"to": 1}"#)).await;
    assert_eq!(opened(&answer.body).0.len(), 1);
    let answer = call(&edge, "Count", &headers, envelope(1, b"{}")).await;
    assert_eq!(failed(&answer)["code"], "internal");
    let answer = call(
        &edge,
        "Count",
        &[STREAM_JSON, (VERSION.0, "2")],
        envelope(0, b"{}"),
    )
    .await;
    assert_eq!(failed(&answer)["code"], "invalid_argument");
}

#[tokio::test]
async fn a_get_is_no_stream() {
    let edge = Edge::start().await;
    let target = path("Count") + "?connect=v1&encoding=json&message=%7B%7D";
    let answer = edge.send("GET", &target, &[STREAM_JSON], "").await;
    assert_eq!(error(&answer), (405, "unknown".into()));
    // What fails there has its HTTP status, whatever the type of the body that isn't there.
    let target = path("Get") + "?encoding=json&message=x";
    let answer = edge.send("GET", &target, &[STREAM_JSON], "").await;
    assert_eq!(error(&answer), (400, "invalid_argument".into()));
}

#[tokio::test]
async fn each_message_comes_at_once_and_a_deadline_ends_the_stream() {
    let edge = Edge::start().await;
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http::<http_body_util::Full<bytes::Bytes>>();
    let request = http::Request::post(format!("http://{}{}", edge.address, path("Count")))
        .header(STREAM_JSON.0, STREAM_JSON.1)
        .header("connect-timeout-ms", "700");
    let body = envelope(0, br#"{"to": 1, "hang": true}"#);
    let request = request.body(bytes::Bytes::from(body).into()).unwrap();
    let mut body = client.request(request).await.unwrap().into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, envelope(0, br#"{"number":1}"#));
    let rest = body.collect().await.unwrap().to_bytes();
    let (messages, end) = opened(&rest);
    assert_eq!(
        (messages.len(), &end["error"]["code"]),
        (0, &json!("deadline_exceeded"))
    );
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_call_upstream() {
    let edge = Edge::start().await;
    for (method, kind, body) in [
        ("Hang", "application/json", b"{}".to_vec()),
        (
            "Count",
            STREAM_JSON.1,
            envelope(0, br#"{"to": 1, "hang": true}"#),
        ),
    ] {
        let mut socket = tokio::net::TcpStream::connect(edge.address).await.unwrap();
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            path(method),
            body.len()
        );
        socket
            .write_all(&[head.as_bytes(), &body].concat())
            .await
            .unwrap();
        if method == "Count" {
            let mut start = [0; 12];
            socket.read_exact(&mut start).await.unwrap();
        } else {
            // Another call on its way through shows that the first was sent on.
            edge.get("/v1/get").await.ok();
        }
        drop(socket);
        edge.echo.dropped.notified().await;
    }
}
