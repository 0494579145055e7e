//! Bounds on time and on bytes.
//!
//! Time stands still once a server did what it does, and leaps to the deadline as soon as nothing else can happen: no test
//! waits, and one that has no deadline fails at [`FOREVER`].

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use troupe_outbound::{Answer, Client, Error, Request};

use crate::stage::{Names, Server, ok};

const FOREVER: Duration = Duration::from_secs(3600);
/// Turns of the runtime in which it surely reads what is there.
const TURNS: usize = 1_000;

/// A server that writes something, says so, then says nothing, and tells once more when the client hangs up.
fn a_server_that_stops_after(start: &'static str) -> (Server, UnboundedReceiver<()>) {
    let (tell, told) = unbounded_channel();
    let server = Server::with(move |stream| {
        stream.write_all(start.as_bytes()).unwrap();
        tell.send(()).unwrap();
        let _ = stream.read(&mut [0]);
        let _ = tell.send(());
    });
    (server, told)
}

/// Sends a request and lets time leap to the deadline once the server stopped.
async fn send_until_deadline(
    server: &Server,
    stopped: &mut UnboundedReceiver<()>,
) -> Result<Answer, Error> {
    let client = server.client();
    let sending = client.send(Request::get(server.at("slow.test")));
    tokio::pin!(sending);
    tokio::select! {
        biased;
        outcome = &mut sending => return outcome,
        _ = stopped.recv() => (),
    }
    for _ in 0..TURNS {
        tokio::select! {
            biased;
            outcome = &mut sending => return outcome,
            () = tokio::task::yield_now() => (),
        }
    }
    tokio::time::pause();
    let outcome = tokio::time::timeout(FOREVER, sending).await;
    outcome.expect("the request has no deadline")
}

#[track_caller]
fn assert_timed_out(outcome: Result<Answer, Error>, expected: Option<u16>) {
    match outcome {
        Err(Error::TimedOut { status, within }) => {
            assert_eq!(status.map(|it| it.as_u16()), expected);
            assert_eq!(within, Duration::from_secs(15));
        }
        other => panic!("not timed out: {other:?}"),
    }
}

#[tokio::test]
async fn gives_headers_up_that_come_slowly() {
    for start in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nx-slow: y"] {
        let (server, mut stopped) = a_server_that_stops_after(start);
        assert_timed_out(send_until_deadline(&server, &mut stopped).await, None);
        stopped.recv().await.unwrap();
        tokio::time::resume();
    }
}

#[tokio::test]
async fn gives_a_body_up_that_comes_slowly() {
    for start in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    ] {
        let (server, mut stopped) = a_server_that_stops_after(start);
        assert_timed_out(send_until_deadline(&server, &mut stopped).await, Some(200));
        stopped.recv().await.unwrap();
        tokio::time::resume();
    }
}

#[tokio::test]
async fn gives_a_name_up_that_resolves_slowly() {
    struct Silent;
    #[async_trait::async_trait]
    impl troupe_outbound::Resolver for Silent {
        async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
            std::future::pending().await
        }
    }
    tokio::time::pause();
    let client = Client::with_resolver(&Default::default(), std::sync::Arc::new(Silent)).unwrap();
    let sending = client.send(Request::get("https://slow.test/"));
    let outcome = tokio::time::timeout(FOREVER, sending).await;
    assert_timed_out(outcome.expect("the request has no deadline"), None);
}

fn client_with_max(server: &Server, max_answer_bytes: usize) -> Client {
    let config = troupe_outbound::Config {
        max_answer_bytes,
        ..server.config()
    };
    Client::with_resolver(&config, Names::all("127.0.0.1")).unwrap()
}

#[tokio::test]
async fn reads_a_body_of_the_most_bytes_and_no_larger_one() {
    let chunked = |body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
        )
    };
    for answer in [ok("0123456789"), chunked("0123456789")] {
        let server = Server::answering(answer);
        let request = || Request::get(server.at("hooks.test"));
        let answer = client_with_max(&server, 10).send(request()).await.unwrap();
        assert_eq!(&answer.body[..], b"0123456789");
        match client_with_max(&server, 9).send(request()).await {
            Err(Error::TooLarge { status, max_bytes }) => {
                assert_eq!((status.as_u16(), max_bytes), (200, 9));
            }
            other => panic!("not too large: {other:?}"),
        }
    }
}

#[tokio::test]
async fn reads_nothing_of_a_body_that_says_it_is_too_large() {
    // The body never comes: whoever waited for it would wait until the deadline.
    let (server, mut stopped) =
        a_server_that_stops_after("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n");
    let outcome = send_until_deadline(&server, &mut stopped).await;
    assert!(
        matches!(outcome, Err(Error::TooLarge { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn hangs_up_on_a_body_without_an_end() {
    let (tell, hung_up) = mpsc::channel();
    let server = Server::with(move |stream| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while stream.write_all(chunk.as_bytes()).is_ok() {}
        tell.send(()).unwrap();
    });
    let outcome = server
        .client()
        .send(Request::get(server.at("hooks.test")))
        .await;
    assert!(
        matches!(outcome, Err(Error::TooLarge { .. })),
        "{outcome:?}"
    );
    let waiting = tokio::task::spawn_blocking(move || hung_up.recv_timeout(FOREVER));
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn gives_headers_up_that_have_no_end() {
    let server = Server::with(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nx-long: ").unwrap();
        while stream.write_all(&[b'x'; 0x1000]).is_ok() {}
    });
    let outcome = server
        .client()
        .send(Request::get(server.at("hooks.test")))
        .await;
    assert!(
        matches!(outcome, Err(Error::Broken { status: None, .. })),
        "{outcome:?}"
    );

    let server = Server::with(|stream| {
        let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101));
        stream.write_all(head.as_bytes()).unwrap();
    });
    let outcome = server
        .client()
        .send(Request::get(server.at("hooks.test")))
        .await;
    assert!(
        matches!(outcome, Err(Error::Broken { status: None, .. })),
        "{outcome:?}"
    );
}

/// 8 MiB of zeros, by Python's `gzip.compress(bytes(8 << 20), 9, mtime=0)`.
const BOMB: &[u8] = include_bytes!("bomb.gz");

#[tokio::test]
async fn leaves_a_compressed_body_as_it_comes() {
    let length = BOMB.len();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
    let server = Server::answering([head.as_bytes(), BOMB].concat());
    let request = Request::get(server.at("hooks.test"));
    let answer = server.client().send(request).await.unwrap();
    assert_eq!(answer.body, BOMB);
    assert_eq!(answer.headers["content-encoding"], "gzip");
    let sent = server.requests().remove(0);
    assert!(!sent.contains("accept-encoding"), "{sent}");
}

#[tokio::test]
async fn says_that_an_answer_broke_off() {
    let server = Server::with(|stream| {
        let start = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
        stream.write_all(start.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let outcome = server
        .client()
        .send(Request::get(server.at("hooks.test")))
        .await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Broken { .. }), "{error:?}");
    assert_eq!(error.status().map(|it| it.as_u16()), Some(200));
}
