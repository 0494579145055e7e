//! More calls than can be answered.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tonic::Status;
use tonic_types::StatusExt;
use troupe_gateway::Config;

use crate::harness::{Answer, Edge, until};

const HANG: &str = "/v1/hang";
const HOUR_MILLIS: u64 = 3_600_000;

/// A gateway that lets so many calls of each method in.
async fn edge(calls: usize) -> Edge {
    let mut config = Config::default();
    config.overload.least_calls = calls;
    config.overload.most_calls = calls;
    config.overload.hold_millis = HOUR_MILLIS;
    // However slow the machine is that this runs on.
    config.overload.longest_wait_millis = 60_000;
    Edge::with(config).await
}

/// The refusal that one of two calls gets at once, of a method that never answers.
async fn refused(
    edge: &Edge,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let call = || edge.send(method, target, headers, body.to_vec());
    tokio::select! {
        answer = call() => answer,
        answer = call() => answer,
    }
}

async fn connect(address: SocketAddr, from: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(address).await.unwrap()
}

async fn ask(socket: &mut TcpStream, target: &str, timeout: &str) {
    let request =
        format!("GET {target} HTTP/1.1\r\nhost: x\r\nx-server-timeout: {timeout}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
}

/// The status of an answer whose head is within one packet, as all of these are.
async fn status(socket: &mut TcpStream) -> u16 {
    let mut part = [0; 4096];
    let len = socket.read(&mut part).await.unwrap();
    let text = String::from_utf8_lossy(&part[..len]).into_owned();
    let status = text.split(' ').nth(1).map(str::parse);
    status.unwrap_or_else(|| panic!("{text}")).unwrap()
}

/// Asks for what never answers from an address, until that many are as many as may be.
async fn fill(edge: &Edge, from: &str, calls: usize) -> Vec<TcpStream> {
    let mut running = Vec::new();
    for _ in 0..calls {
        let mut socket = connect(edge.address, from).await;
        ask(&mut socket, HANG, "3600").await;
        running.push(socket);
    }
    until("all are under way", async || {
        let mut socket = connect(edge.address, from).await;
        ask(&mut socket, HANG, "0.001").await;
        status(&mut socket).await == 429
    })
    .await;
    running
}

#[tokio::test]
async fn what_is_too_much_is_refused_at_once_and_told_when_to_come_again() {
    let edge = edge(1).await;
    let answer = refused(&edge, "GET", HANG, &[], &[]).await;
    assert_eq!(answer.error(), (429, 8));
    assert_eq!(answer.header("retry-after"), "3600");
    assert!(!answer.header("x-request-id").is_empty());
    let details = answer.json()["details"].to_string();
    assert!(
        details.contains("OVERLOADED") && details.contains("3600s"),
        "{details}"
    );
    assert!(!answer.text().contains("database"));
    let details = answer.json()["details"].clone();
    let last = details.as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["requestId"], answer.header("x-request-id"));
    assert_eq!(details[2]["links"][0]["url"], "/docs/errors#OVERLOADED");
}

#[tokio::test]
async fn each_protocol_has_its_own_form_of_a_refusal() {
    for (content_type, answered, empty) in [
        (
            "application/grpc-web",
            "application/grpc-web+proto",
            &[0; 5][..],
        ),
        (
            "application/grpc-web-text",
            "application/grpc-web-text+proto",
            b"AAAAAAA=",
        ),
    ] {
        let edge = edge(1).await;
        let headers = [("content-type", content_type)];
        let path = "/echo.v1.EchoService/Hang";
        let answer = refused(&edge, "POST", path, &headers, empty).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.header("content-type"), answered);
        assert_eq!(answer.header("grpc-status"), "8");
        let told = Status::from_header_map(&answer.headers).unwrap();
        let told = told.check_error_details().unwrap();
        let request_id = &told.request_info().unwrap().request_id;
        assert_eq!(request_id, answer.header("x-request-id"));
        assert_eq!(told.help().unwrap().links.len(), 1);
    }
}

#[tokio::test]
async fn while_one_method_is_full_the_others_and_the_probes_answer() {
    let edge = edge(1).await;
    let _running = fill(&edge, "127.0.0.1", 1).await;
    assert_eq!(edge.get("/v1/get").await.status.as_u16(), 200);
    assert_eq!(edge.get("/readyz").await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_stream_that_has_begun_makes_room_for_another() {
    let edge = edge(1).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut socket = connect(edge.address, "127.0.0.1").await;
        ask(&mut socket, "/v1/count/1?hang=true", "3600").await;
        assert_eq!(status(&mut socket).await, 200);
        streams.push(socket);
    }
}

#[tokio::test]
async fn an_address_under_its_share_is_let_in_where_another_took_all() {
    let edge = edge(2).await;
    let _running = fill(&edge, "127.0.0.1", 2).await;
    let mut other = connect(edge.address, "127.0.0.2").await;
    ask(&mut other, HANG, "0.001").await;
    assert_eq!(status(&mut other).await, 504);
}

#[tokio::test]
async fn a_connection_that_was_refused_is_read_again_only_once_there_is_room() {
    let edge = edge(1).await;
    let running = fill(&edge, "127.0.0.1", 1).await;
    let mut hasty = connect(edge.address, "127.0.0.1").await;
    ask(&mut hasty, HANG, "3600").await;
    assert_eq!(status(&mut hasty).await, 429);
    ask(&mut hasty, HANG, "0.001").await;
    // Others are served meanwhile.
    for _ in 0..3 {
        assert_eq!(edge.get("/v1/get").await.status.as_u16(), 200);
    }
    let mut nothing = [0; 1];
    let unread = hasty.try_read(&mut nothing).unwrap_err();
    assert_eq!(unread.kind(), std::io::ErrorKind::WouldBlock);
    drop(running);
    assert_eq!(status(&mut hasty).await, 504);
}

#[tokio::test]
async fn a_call_that_was_let_in_sends_its_body_though_another_stream_was_refused() {
    let edge = edge(1).await;
    let running;
    let mut sender = edge.http2().await;
    let tasks = platform::Tasks::new();
    let hang = |body: UnsyncBoxBody<Bytes, Infallible>| {
        let request = Request::post("http://x/v1/hang").header("content-type", "application/json");
        request.body(body).unwrap()
    };
    let (rest, part) = oneshot::channel();
    let part = async move { Ok(Frame::data(part.await.unwrap())) };
    let body = StreamBody::new(futures::stream::once(part));
    let slow = tasks.spawn(sender.send_request(hang(body.boxed_unsync())));
    running = fill(&edge, "127.0.0.1", 1).await;
    let refused = sender
        .send_request(hang(Full::from("{}").boxed_unsync()))
        .await;
    assert_eq!(refused.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    // It is read, and refused only then, since others have taken the room meanwhile.
    rest.send(Bytes::from("{}")).unwrap();
    let status = slow.await.unwrap().unwrap().status();
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    drop(running);
}

#[tokio::test]
async fn who_sends_no_body_keeps_nobody_out() {
    let edge = edge(1).await;
    let (mut held, types) = (Vec::new(), ["application/json", "application/grpc-web"]);
    for (content_type, path) in types.iter().zip(["/v1/echo", "/echo.v1.EchoService/Echo"]) {
        for start in ["", "{"] {
            let mut socket = connect(edge.address, "127.0.0.1").await;
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\ncontent-length: 90\r\n\r\n{start}"
            );
            socket.write_all(head.as_bytes()).await.unwrap();
            held.push(socket);
        }
    }
    // HTTP/2 with streams that have a head and nothing else, of methods with one message and with many.
    let mut client = crate::grpc::client(&edge).await;
    let tasks = platform::Tasks::new();
    for method in ["Echo", "Count", "Sum"] {
        let (mut client, path) = (client.clone(), crate::grpc::path(method));
        tasks.spawn(async move {
            let endless = tonic::Request::new(futures::stream::pending::<Bytes>());
            _ = client.streaming(endless, path, crate::raw::Raw).await;
        });
    }
    for _ in 0..5 {
        assert_eq!(edge.post("/v1/echo", "{}").await.status.as_u16(), 200);
        let request = tonic::Request::new(Bytes::new());
        let echo = crate::grpc::path("Echo");
        client.ready().await.unwrap();
        client.unary(request, echo, crate::raw::Raw).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[test]
fn settings_that_refuse_everybody_are_refused() {
    let mut config = Config::default();
    config.overload.least_calls = config.overload.most_calls + 1;
    let refused = config.validate().unwrap_err().to_string();
    assert!(refused.contains("overload.least_calls"), "{refused}");
    let mut config = Config::default();
    config.bodies.bytes_per_person = 0;
    let refused = config.validate().unwrap_err().to_string();
    assert!(refused.contains("bodies.bytes_per_person"), "{refused}");
}
