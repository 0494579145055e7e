//! A panic in a request, made by a readiness that panics.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Status;
use tonic::body::Body;
use tower::Service;
use troupe_gateway::Gateway;

use crate::echo::Echo;
use crate::harness::{Edge, pool};

/// A gateway whose page `/readyz` panics.
async fn gateway() -> (Gateway, Echo) {
    let echo = Echo::default();
    let channel = wire::remote("echo", echo.start().await);
    let channels = HashMap::from([("echo.v1.EchoService".to_owned(), channel)]);
    let readiness = Arc::new(|| panic!("a test's panic"));
    let config = troupe_gateway::Config::default();
    let gateway = troupe_gateway::build(&config, &pool(), channels, None, readiness, None).unwrap();
    (gateway, echo)
}

async fn edge() -> Edge {
    let (gateway, echo) = gateway().await;
    Edge::serve(gateway, echo).await
}

#[tokio::test]
async fn a_connection_outlives_a_panic() {
    let edge = edge().await;
    let mut socket = TcpStream::connect(edge.address).await.unwrap();
    let mut seen = String::new();
    for (asked, target) in ["/readyz", "/v1/get", "/readyz", "/healthz"]
        .iter()
        .enumerate()
    {
        let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nx-request-id: id-1\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        while seen.matches("HTTP/1.1 ").count() <= asked {
            let mut chunk = [0; 4096];
            let len = socket.read(&mut chunk).await.unwrap();
            assert_ne!(len, 0, "{seen}");
            seen.push_str(std::str::from_utf8(&chunk[..len]).unwrap());
        }
    }
    let statuses: Vec<&str> = seen
        .match_indices("HTTP/1.1 ")
        .map(|(at, start)| &seen[at + start.len()..][..3])
        .collect();
    assert_eq!(statuses, ["500", "200", "500", "200"], "{seen}");
    assert!(
        seen.contains("\"code\":13") && seen.contains("x-request-id: id-1"),
        "{seen}"
    );
}

#[tokio::test]
async fn neighbours_on_a_connection_outlive_a_panic() {
    let edge = edge().await;
    let mut sender = edge.http2().await;
    let get = |target: &str| {
        let uri = format!("http://x{target}");
        Request::get(uri).body(Full::new(Bytes::new())).unwrap()
    };
    let mut running: Response<Incoming> = sender
        .send_request(get("/v1/count/1?hang=true"))
        .await
        .unwrap();
    running.body_mut().frame().await.unwrap().unwrap();
    for _ in 0..3 {
        let answer = sender.send_request(get("/readyz")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    let answer = sender.send_request(get("/v1/get")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!http_body::Body::is_end_stream(running.body()));
}

/// A body that panics when it is read.
struct Panics;

impl http_body::Body for Panics {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        panic!("a test's panic")
    }
}

#[tokio::test]
async fn a_body_that_panics_costs_its_call_in_every_protocol() {
    let (mut gateway, _echo) = gateway().await;
    let mut send = |target: &str, kind: &str, body: Body| {
        let request = Request::post(format!("http://x{target}"))
            .version(http::Version::HTTP_2)
            .header("content-type", kind)
            .body(body)
            .unwrap();
        gateway.call(request)
    };
    let echo = "/echo.v1.EchoService/Echo";
    let json = send("/v1/echo", "application/json", Body::new(Panics))
        .await
        .unwrap();
    assert_eq!(json.status(), StatusCode::INTERNAL_SERVER_ERROR);
    for kind in [
        "application/grpc",
        "application/grpc-web",
        "application/grpc-web-text",
    ] {
        let answer = send(echo, kind, Body::new(Panics)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{kind}");
        assert_ne!(answer.headers()["grpc-status"], "0", "{kind}");
        // The connection to the service is the same as before.
        let frame = Body::new(Full::new(Bytes::from_static(&[0; 5])));
        let answer = send(echo, "application/grpc", frame).await.unwrap();
        let trailers = answer.into_body().collect().await.unwrap();
        assert_eq!(trailers.trailers().unwrap()["grpc-status"], "0", "{kind}");
    }
}
