//! Connections on which nothing, little or something odd is sent.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use troupe_gateway::Config;

use crate::harness::{Edge, raw};

#[tokio::test]
async fn who_asks_for_nothing_is_let_go_long_before_who_asked() {
    let mut config = Config::default();
    config.limits.header_secs = 1;
    // So that only the time for the headers can end the connections here.
    config.limits.idle_secs = 3600;
    config.limits.keepalive_secs = 3600;
    let edge = Edge::with(config).await;
    let settings = b"\0\0\0\x04\0\0\0\0\0";
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    // The start of a block of headers that doesn't end.
    let headers = b"\0\0\x01\x01\x01\0\0\0\x01\x82";
    for opening in [
        &b""[..],
        b"P",
        b"POST",
        b"PRI * HTTP/2.0\r\n",
        b"\r\n",
        b"GET / HTTP/1.1\r\nx-slow: ",
        preface,
        &[&preface[..], settings].concat(),
        &[&preface[..], settings, headers].concat(),
    ] {
        let mut socket = TcpStream::connect(edge.address).await.unwrap();
        socket.write_all(opening).await.unwrap();
        let mut rest = Vec::new();
        // Ends only where the gateway closes.
        _ = socket.read_to_end(&mut rest).await;
    }
}

#[tokio::test]
async fn a_byte_now_and_then_buys_no_time() {
    let mut config = Config::default();
    config.limits.header_secs = 1;
    config.limits.idle_secs = 3600;
    let edge = Edge::with(config).await;
    for endless in ["P", "GET / HTTP/1.1\r\nx-slow: a", "PRI * HTTP/2.0"] {
        let mut socket = TcpStream::connect(edge.address).await.unwrap();
        let mut rest = endless.bytes().chain(std::iter::repeat(b'a'));
        let mut every = tokio::time::interval(Duration::from_millis(100));
        // Goes on until the gateway has closed.
        loop {
            every.tick().await;
            let byte = [rest.next().unwrap()];
            let mut seen = [0; 64];
            if socket.write_all(&byte).await.is_err() {
                break;
            }
            match socket.try_read(&mut seen) {
                Ok(0) => break,
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => break,
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn who_has_asked_may_wait_with_a_stream() {
    let mut config = Config::default();
    config.limits.header_secs = 1;
    config.limits.heartbeat_secs = 1;
    let edge = Edge::with(config).await;
    let mut socket = TcpStream::connect(edge.address).await.unwrap();
    let request =
        b"GET /v1/count/0?hang=true HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n";
    socket.write_all(request).await.unwrap();
    let mut seen = String::new();
    // Two heartbeats take longer than the time for the headers.
    while seen.matches(":\n\n").count() < 3 {
        let mut chunk = [0; 512];
        let len = socket.read(&mut chunk).await.unwrap();
        assert_ne!(len, 0, "{seen}");
        seen.push_str(std::str::from_utf8(&chunk[..len]).unwrap());
    }
}

#[tokio::test]
async fn the_authority_of_a_request_names_a_host() {
    let edge = Edge::start().await;
    let absolute = b"GET http://[qq]:80/healthz HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = raw(edge.address, absolute).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    for (authority, status) in [("[qq]", 400), ("[::7]:8000", 200), ("a.example", 200)] {
        let mut sender = edge.http2().await;
        let request = Request::get(format!("http://{authority}/healthz"));
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{authority}");
    }
}

#[tokio::test]
async fn a_request_has_a_hundred_headers_at_most() {
    let edge = Edge::start().await;
    for (count, status) in [(100, 200), (101, 400)] {
        let mut sender = edge.http2().await;
        let mut request = Request::get("http://a.example/healthz");
        for index in 0..count {
            request = request.header(format!("x{index}"), "");
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{count}");
    }
}

#[tokio::test]
async fn a_body_has_no_coding_but_chunked_and_what_may_be_none_ends_its_connection() {
    let edge = Edge::start().await;
    for (framing, status) in [
        ("transfer-encoding: gzip, chunked", 501),
        ("transfer-encoding: identity, chunked", 501),
        ("transfer-encoding: gzip\r\nTransfer-Encoding: chunked", 501),
        (
            "transfer-encoding: \u{e9}\r\ntransfer-encoding: chunked",
            501,
        ),
        ("transfer-encoding: chunked, Chunked", 400),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            400,
        ),
        ("transfer-encoding: chunked, gzip, chunked", 400),
        ("transfer-encoding: chunked, gzip", 400),
        ("transfer-encoding: gzip", 400),
        ("transfer-encoding: chunked;q=1", 400),
        ("transfer-encoding: xchunked", 400),
        // The length isn't looked at, so that it must not have been one that another reader saw.
        ("transfer-encoding: chunked\r\ncontent-length: 2", 200),
        ("content-length: 2\r\ntransfer-encoding: chunked", 200),
        ("transfer-encoding: , cHunked\r\nconnection: close", 200),
    ] {
        for kind in [
            "application/json",
            "application/grpc-web",
            "application/grpc",
        ] {
            let path = match kind {
                "application/json" => "/v1/echo",
                _ if status == 200 => continue,
                _ => "/echo.v1.EchoService/Echo",
            };
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\n{framing}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n\
                 GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"
            );
            let answer = raw(edge.address, request.as_bytes()).await;
            let expected = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&expected), "{framing}: {answer}");
            assert_eq!(
                answer.matches("HTTP/1.1 ").count(),
                1,
                "{framing}: {answer}"
            );
            if status == 501 {
                let is_told = answer.contains("INVALID_REQUEST") && answer.contains("x-request-id");
                assert!(is_told && answer.contains("connection: close"), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn http_1_1_has_one_host() {
    let edge = Edge::start().await;
    for target in ["/v1/get", "/healthz", "/nowhere"] {
        for hosts in [
            "",
            "host: a\r\nhost: a\r\n",
            "Host: a\r\nhOST: b\r\n",
            "host: a b\r\n",
            "host: a/b\r\n",
            "host: u@a\r\n",
            "host: a,b\r\n",
            "host: [qq]\r\n",
            "host: [::7\r\n",
            "host: b]c\r\n",
            "host: [::7]8000\r\n",
            "host: a:+8000\r\n",
            "host: [fe80::7%25eth0]\r\n",
            "host: caf\u{e9}\r\n",
        ] {
            let answer = raw(
                edge.address,
                format!("GET {target} HTTP/1.1\r\n{hosts}\r\n").as_bytes(),
            )
            .await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{hosts}: {answer}");
            assert!(
                answer.contains("INVALID_REQUEST") && answer.contains("x-request-id"),
                "{answer}"
            );
        }
    }
    for good in [
        "GET /healthz HTTP/1.0\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nconnection: close\r\nhost: [::1]:80\r\n\r\n",
        "GET http://a/healthz HTTP/1.1\r\nconnection: close\r\nhost: a\r\n\r\n",
    ] {
        let answer = raw(edge.address, good.as_bytes()).await;
        assert!(answer.contains(" 200 OK"), "{answer}");
    }
    let old = raw(
        edge.address,
        b"GET /healthz HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n",
    )
    .await;
    assert!(old.contains(" 400 "), "{old}");
}
