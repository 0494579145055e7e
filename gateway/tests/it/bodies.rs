//! Bodies that are large, slow, or never end.

use std::convert::Infallible;
use std::future::ready;
use std::net::Shutdown;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::Request;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use troupe_gateway::Config;

use crate::harness::{Edge, until};

const RAW: &str = "/v1/raw/a";
const WEB: &str = "/echo.v1.EchoService/Upload";
const LARGE: usize = 80_000;

async fn edge() -> Edge {
    let mut config = Config::default();
    config.bodies.bytes_per_address = LARGE + LARGE / 2;
    Edge::with(config).await
}

/// An upload of which a part comes, and then nothing.
async fn unfinished(edge: &Edge, head: &str, start: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(edge.address).await.unwrap();
    let head = format!("POST {head}host: x\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(start).await.unwrap();
    socket
}

async fn upload(edge: &Edge) -> u16 {
    let headers = [("content-type", "application/octet-stream")];
    let answer = edge.send("POST", RAW, &headers, vec![7; LARGE]).await;
    if answer.status.as_u16() == 429 {
        assert_eq!(answer.header("retry-after"), "5");
        assert!(answer.text().contains("your address"), "{}", answer.text());
    }
    answer.status.as_u16()
}

/// The same, once it has taken the room. Another try is needed where an upload that was to find out had it first.
async fn unfinished_until_full(edge: &Edge, head: &str, start: &[u8]) -> TcpStream {
    let mut held = unfinished(edge, head, start).await;
    until("there is no room", async || {
        let is_full = upload(edge).await == 429;
        if !is_full {
            held = unfinished(edge, head, start).await;
        }
        is_full
    })
    .await;
    held
}

#[tokio::test]
async fn unfinished_uploads_take_only_the_room_of_their_address() {
    let edge = edge().await;
    let head = format!("{RAW} HTTP/1.1\r\ncontent-length: {LARGE}\r\n");
    // What is only announced takes none.
    let _announced = unfinished(&edge, &head, b"1").await;
    assert_eq!(upload(&edge).await, 200);
    let held = unfinished_until_full(&edge, &head, &[b'1'; LARGE - 1]).await;
    // What is small isn't in anybody's way.
    assert_eq!(edge.post("/v1/echo", "{}").await.status.as_u16(), 200);
    drop(held);
    until("there is room again", async || upload(&edge).await == 200).await;
}

#[tokio::test]
async fn bodies_of_no_announced_size_are_counted_as_they_come() {
    let edge = edge().await;
    let head = format!("{RAW} HTTP/1.1\r\ntransfer-encoding: chunked\r\n");
    let mut start = b"13880\r\n".to_vec();
    start.extend(vec![7; LARGE]);
    start.extend(b"\r\n");
    let held = unfinished_until_full(&edge, &head, &start).await;
    drop(held);
    until("there is room again", async || upload(&edge).await == 200).await;
}

#[tokio::test]
async fn messages_of_grpc_are_counted_too() {
    let edge = edge().await;
    let head = format!(
        "{WEB} HTTP/1.1\r\ncontent-type: application/grpc-web\r\ncontent-length: {}\r\n",
        LARGE + 5
    );
    let mut start = vec![0];
    start.extend((LARGE as u32).to_be_bytes());
    let mut whole = start.clone();
    whole.extend(vec![0; LARGE]);
    start.extend(vec![0; LARGE - 1]);
    let held = unfinished_until_full(&edge, &head, &start).await;
    let headers = [("content-type", "application/grpc-web")];
    let answer = edge.send("POST", WEB, &headers, whole).await;
    assert_eq!(answer.header("grpc-status"), "8", "{:?}", answer.headers);
    drop(held);
    until("there is room again", async || upload(&edge).await == 200).await;
}

#[tokio::test]
async fn headers_are_counted_of_requests_whose_bodies_do_not_come() {
    for (path, content_type) in [
        (RAW, "application/octet-stream"),
        (WEB, "application/grpc-web"),
    ] {
        let edge = edge().await;
        let padding = "x".repeat(LARGE / 4);
        let head = format!(
            "{path} HTTP/1.1\r\ncontent-type: {content_type}\r\ncontent-length: 9\r\npadding: {padding}\r\n"
        );
        let mut held = Vec::new();
        // An upload that was to find out may have had the room when one of them was counted.
        until("there is no room", async || {
            held.push(unfinished(&edge, &head, b"").await);
            upload(&edge).await == 429
        })
        .await;
        drop(held);
        until("there is room again", async || upload(&edge).await == 200).await;
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let mut config = Config::default();
    config.bodies.secs = 1;
    let edge = Edge::with(config).await;
    let head = format!("{RAW} HTTP/1.1\r\ncontent-length: {LARGE}\r\n");
    let mut socket = unfinished(&edge, &head, b"1").await;
    let mut start = [0; 12];
    socket.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 408");
}

/// What came at once gives it no time to be silent.
#[tokio::test]
async fn a_body_that_stops_is_not_waited_for_either() {
    let mut config = Config::default();
    config.bodies.secs = 1;
    config.bodies.bytes_per_second = 1;
    let edge = Edge::with(config).await;
    let head = format!("{RAW} HTTP/1.1\r\ncontent-length: {LARGE}\r\n");
    let much = vec![b'x'; LARGE / 2];
    let mut socket = unfinished(&edge, &head, &much).await;
    let mut start = [0; 12];
    let answer = socket.read_exact(&mut start);
    tokio::time::timeout(Duration::from_secs(60), answer)
        .await
        .expect("an answer in good time")
        .unwrap();
    assert_eq!(&start, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_body_where_none_belongs_is_refused_unread() {
    let edge = Edge::start().await;
    let mut socket = TcpStream::connect(edge.address).await.unwrap();
    socket
        .write_all(b"GET /v1/get HTTP/1.1\r\nhost: x\r\ncontent-length: 3000000\r\n\r\n")
        .await
        .unwrap();
    let mut start = [0; 12];
    socket.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 400");
}

#[tokio::test]
async fn an_answer_before_the_end_of_its_request_says_that_the_connection_ends() {
    let edge = Edge::start().await;
    let answer = async |path: &str, announced: usize, sent: usize| {
        let head = format!("{path} HTTP/1.1\r\ncontent-length: {announced}\r\n");
        let mut socket = unfinished(&edge, &head, &vec![7; sent]).await;
        let (mut answer, mut part) = (Vec::new(), [0; 4096]);
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            let len = socket.read(&mut part).await.unwrap();
            assert_ne!(len, 0, "no answer");
            answer.extend_from_slice(&part[..len]);
        }
        String::from_utf8_lossy(&answer).to_ascii_lowercase()
    };
    for (path, announced, sent) in [("/nowhere", 300_000, 10), (RAW, 3_000_000, 0)] {
        let refusal = answer(path, announced, sent).await;
        assert!(refusal.starts_with("http/1.1 4"), "{refusal}");
        assert!(refusal.contains("\r\nconnection: close\r\n"), "{refusal}");
    }
    let taken = answer(RAW, 10, 10).await;
    assert!(taken.starts_with("http/1.1 200"), "{taken}");
    assert!(!taken.contains("connection: close"), "{taken}");
    let refused = answer("/nowhere", 0, 0).await;
    assert!(!refused.contains("connection: close"), "{refused}");
}

#[tokio::test]
async fn the_time_of_a_call_begins_once_its_body_is_here() {
    let mut config = Config::default();
    config.limits.call_secs = 1;
    let edge = Edge::with(config).await;
    let head = format!("{RAW} HTTP/1.1\r\ncontent-length: 3\r\nconnection: close\r\n");
    let mut slow = unfinished(&edge, &head, b"a").await;
    for byte in [b"b", b"c"] {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        slow.write_all(byte).await.unwrap();
    }
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_message_of_grpc_that_does_not_come_is_given_up() {
    let mut config = Config::default();
    config.bodies.secs = 1;
    let edge = Edge::with(config).await;
    let head =
        format!("{WEB} HTTP/1.1\r\ncontent-type: application/grpc-web\r\ncontent-length: 9\r\n");
    let mut slow = unfinished(&edge, &head, &[0, 0, 0, 0, 4, 1]).await;
    let mut answer = vec![0; 4096];
    let len = slow.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..len]).into_owned();
    assert!(answer.contains("grpc-status: 4"), "{answer}");
    assert!(answer.contains("body"), "{answer}");
}

/// A connection of HTTP/2, and uploads on it of which a part comes, and then nothing.
struct Multiplexed {
    sender: http2::SendRequest<UnsyncBoxBody<Bytes, Infallible>>,
    /// The same socket, to end it at once.
    socket: std::net::TcpStream,
    uploads: JoinSet<()>,
}

impl Multiplexed {
    async fn open(edge: &Edge) -> Self {
        let connected = TcpStream::connect(edge.address).await.unwrap();
        let socket = connected.into_std().unwrap();
        let connected = TcpStream::from_std(socket.try_clone().unwrap()).unwrap();
        let opening = http2::handshake(TokioExecutor::new(), TokioIo::new(connected));
        let (sender, connection) = opening.await.unwrap();
        platform::Tasks::new().spawn(connection);
        Self {
            sender,
            socket,
            uploads: JoinSet::new(),
        }
    }

    fn upload(&mut self, path: &str, content_type: &str, start: Vec<u8>) {
        let start = futures::stream::once(ready(Ok(Frame::data(start.into()))));
        let body = StreamBody::new(start.chain(futures::stream::pending()));
        let request = Request::post(format!("http://x{path}"))
            .header("content-type", content_type)
            .header("te", "trailers");
        let request = request.body(body.boxed_unsync()).unwrap();
        let answer = self.sender.send_request(request);
        self.uploads.spawn(async move { _ = answer.await });
    }
}

/// The kinds of calls that an upload can be, and what it begins with.
fn kinds() -> [(&'static str, &'static str, Vec<u8>); 3] {
    let mut message = vec![0];
    message.extend((LARGE as u32).to_be_bytes());
    [
        (RAW, "application/octet-stream", Vec::new()),
        (WEB, "application/grpc-web", message.clone()),
        (WEB, "application/grpc", message),
    ]
}

#[tokio::test]
async fn room_comes_back_when_a_stream_or_its_connection_ends() {
    for (path, content_type, mut start) in kinds() {
        start.extend(vec![0; LARGE - 1]);
        for ends_connection in [false, true] {
            let edge = edge().await;
            let mut held = Multiplexed::open(&edge).await;
            until("there is no room", async || {
                held.upload(path, content_type, start.clone());
                upload(&edge).await == 429
            })
            .await;
            match ends_connection {
                true => held.socket.shutdown(Shutdown::Both).unwrap(),
                false => held.uploads.shutdown().await,
            }
            until("there is room again", async || upload(&edge).await == 200).await;
        }
    }
}
