//! Answers that are compressed, and answers that a client has already.

use std::io::Read;

use troupe_gateway::{Config, Json};

use crate::harness::{Answer, Edge};

fn unpacked(answer: &Answer) -> Vec<u8> {
    let mut text = Vec::new();
    let body = &answer.body[..];
    match answer.header("content-encoding") {
        "zstd" => zstd::Decoder::new(body).unwrap().read_to_end(&mut text),
        "br" => brotli::Decompressor::new(body, 4_096).read_to_end(&mut text),
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut text),
        other => panic!("{other:?}"),
    }
    .unwrap();
    text
}

fn long() -> String {
    format!("/v1/get?str={}", "abcdefgh".repeat(500))
}

#[tokio::test]
async fn long_answers_come_as_the_client_accepts_them() {
    let edge = Edge::start().await;
    let plain = edge.get(&long()).await;
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(plain.header("vary"), "accept-encoding");
    assert_eq!(plain.ok()["str"].as_str().unwrap().len(), 4_000);
    for (accepts, coding) in [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("gzip;q=0.9, br;q=0.1", "gzip"),
    ] {
        let answer = edge
            .send("GET", &long(), &[("accept-encoding", accepts)], "")
            .await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.header("content-encoding"), coding);
        assert_eq!(answer.header("vary"), "accept-encoding");
        assert_eq!(answer.header("content-type"), "application/json");
        assert!(answer.body.len() < 200, "{coding} {}", answer.body.len());
        assert_eq!(unpacked(&answer), plain.body);
    }
    for accepts in ["", "identity", "deflate", "gzip;q=0"] {
        let answer = edge
            .send("GET", &long(), &[("accept-encoding", accepts)], "")
            .await;
        assert_eq!(answer.body, plain.body, "{accepts}");
    }
}

#[tokio::test]
async fn connect_is_compressed_as_json_is() {
    let edge = Edge::start().await;
    let text = format!("{{\"str\":\"{}\"}}", "a".repeat(4_000));
    for (kind, coding) in [("application/json", "gzip"), ("application/proto", "")] {
        let body = match coding {
            "" => String::new(),
            _ => text.clone(),
        };
        let headers = [("content-type", kind), ("accept-encoding", "gzip")];
        let answer = edge
            .send("POST", "/echo.v1.EchoService/Get", &headers, body)
            .await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        assert_eq!(answer.header("content-encoding"), coding);
        if !coding.is_empty() {
            assert_eq!(unpacked(&answer), text.as_bytes());
        }
    }
}

#[tokio::test]
async fn short_answers_changes_streams_and_files_stay_as_they_are() {
    let edge = Edge::start().await;
    let accepts = ("accept-encoding", "gzip, br, zstd");
    let json = ("content-type", "application/json");
    let body = format!("{{\"str\":\"{}\"}}", "a".repeat(4_000));
    let events = ("accept", "application/json");
    for (verb, target, headers, body) in [
        ("GET", "/v1/get?str=a", vec![accepts], String::new()),
        ("POST", "/v1/echo", vec![accepts, json], body),
        ("GET", "/v1/count/900", vec![accepts], String::new()),
        ("GET", "/v1/count/900", vec![accepts, events], String::new()),
        (
            "GET",
            "/v1/raw?contentType=image/png",
            vec![accepts],
            String::new(),
        ),
        ("GET", "/v1/fail/3", vec![accepts], String::new()),
    ] {
        let answer = edge.send(verb, target, &headers, body).await;
        assert_eq!(answer.header("content-encoding"), "", "{target}");
        assert!(!answer.header("vary").contains("encoding"), "{target}");
    }
}

#[tokio::test]
async fn operators_may_turn_it_off() {
    let config = Config {
        json: Json {
            compress: false,
            ..Json::default()
        },
        ..Config::default()
    };
    let edge = Edge::with(config).await;
    let answer = edge
        .send("GET", &long(), &[("accept-encoding", "gzip")], "")
        .await;
    assert_eq!(answer.header("content-encoding"), "");
    assert_eq!(answer.ok()["str"].as_str().unwrap().len(), 4_000);
}

#[tokio::test]
async fn the_gateway_s_own_texts_are_compressed_too() {
    let edge = Edge::start().await;
    let plain = edge.get("/openapi.json").await;
    for accepts in ["gzip", "br", "zstd", "gzip"] {
        let headers = [("accept-encoding", accepts)];
        let packed = edge.send("GET", "/openapi.json", &headers, "").await;
        assert_eq!(packed.header("content-encoding"), accepts);
        assert_eq!(packed.header("vary"), "accept-encoding");
        assert!(packed.body.len() * 3 < plain.body.len());
        assert_eq!(unpacked(&packed), plain.body);
    }
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let edge = Edge::start().await;
    let target = "/v1/raw?contentType=image/png";
    let first = edge.get(target).await;
    assert_eq!(
        (first.status.as_u16(), first.header("etag")),
        (200, "\"v1\"")
    );
    for (verb, tag) in [
        ("GET", "\"v1\""),
        ("GET", "\"v0\", W/\"v1\""),
        ("HEAD", "*"),
    ] {
        let answer = edge.send(verb, target, &[("if-none-match", tag)], "").await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (304, 0));
        assert_eq!(answer.header("etag"), "\"v1\"");
        assert_eq!(answer.header("cache-control"), "private, no-cache");
        assert_eq!(answer.header("content-type"), "");
    }
    let other = [("if-none-match", "\"v2\"")];
    let answer = edge.send("GET", target, &other, "").await;
    assert_eq!((answer.status.as_u16(), answer.body), (200, first.body));
}
