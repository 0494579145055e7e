//! Streams in JSON.

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::Edge;

#[tokio::test]
async fn a_stream_has_the_form_that_the_client_accepts() {
    let edge = Edge::start().await;
    let lines = "{\"number\":1}\n{\"number\":2}\n{\"number\":3}\n";
    let events = "data: {\"number\":1}\n\ndata: {\"number\":2}\n\ndata: {\"number\":3}\n\n";
    let forms = [
        ("text/event-stream", "text/event-stream", events),
        ("application/x-ndjson", "application/x-ndjson", lines),
        (
            "application/json",
            "application/json",
            "[{\"number\":1},{\"number\":2},{\"number\":3}]",
        ),
        ("*/*", "text/event-stream", events),
        ("", "text/event-stream", events),
        ("text/html", "text/event-stream", events),
        ("text/event-stream;q=0, */*", "application/x-ndjson", lines),
        (
            "text/html, text/event-stream;q=0.9",
            "text/event-stream",
            events,
        ),
    ];
    for (accept, content_type, body) in forms {
        let answer = edge
            .send("GET", "/v1/count/3", &[("accept", accept)], "")
            .await;
        assert_eq!(
            (answer.header("content-type"), answer.text().as_str()),
            (content_type, body)
        );
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let without = edge.get("/v1/count/3").await;
    assert_eq!(without.header("content-type"), "text/event-stream");
    let empty = edge
        .send("GET", "/v1/count/0", &[("accept", "application/json")], "")
        .await;
    assert_eq!(empty.text(), "[]");
}

#[tokio::test]
async fn an_error_before_the_first_message_has_its_http_status() {
    let edge = Edge::start().await;
    for accept in [
        "text/event-stream",
        "application/x-ndjson",
        "application/json",
    ] {
        let answer = edge
            .send("GET", "/v1/count/3?fail_at=1", &[("accept", accept)], "")
            .await;
        assert_eq!(answer.error(), (409, 10));
        assert_eq!(answer.header("retry-after"), "2");
    }
}

#[tokio::test]
async fn an_error_after_the_first_message_ends_the_stream_with_a_status() {
    let edge = Edge::start().await;
    let broken = |accept: &'static str| {
        let edge = &edge;
        async move {
            edge.send("GET", "/v1/count/3?failAt=2", &[("accept", accept)], "")
                .await
                .text()
        }
    };
    let check = |status: &Value| {
        assert_eq!(
            (&status["code"], &status["message"]),
            (&json!(10), &json!("stopped counting"))
        );
        assert_eq!(status["details"][0]["retryDelay"], "1.500s");
    };
    let events = broken("text/event-stream").await;
    let (first, error) = events.split_once("\n\n").unwrap();
    assert_eq!(first, "data: {\"number\":1}");
    let data = error
        .strip_prefix("event: failure\ndata: ")
        .and_then(|it| it.strip_suffix("\n\n"))
        .unwrap();
    check(&serde_json::from_str(data).unwrap());

    let lines = broken("application/x-ndjson").await;
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    check(&last["error"]);

    let array: Value = serde_json::from_str(&broken("application/json").await).unwrap();
    check(&array[1]["error"]);
}

#[tokio::test]
async fn raw_streams_are_joined_under_the_first_type() {
    let edge = Edge::start().await;
    let answer = edge
        .get("/v1/raw-parts?content_type=audio/ogg&parts=3")
        .await;
    assert_eq!(answer.header("content-type"), "audio/ogg");
    assert_eq!(&answer.body[..], [0, 0, 0, 1, 1, 1, 2, 2, 2]);
}

#[tokio::test]
async fn a_raw_stream_that_breaks_does_not_end_cleanly() {
    let edge = Edge::start().await;
    let mut socket = tokio::net::TcpStream::connect(edge.address).await.unwrap();
    socket
        .write_all(b"GET /v1/raw-parts?parts=1&fail=true HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // The last chunk of a body that ends well is `0`.
    _ = socket.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn streams_go_in_as_arrays_or_lines() {
    let edge = Edge::start().await;
    for body in [
        r#"[{"number": 1}, {"number": 41}]"#,
        "{\"number\": 1}\n{\"number\": 41}\n",
    ] {
        assert_eq!(edge.post("/v1/sum", body).await.ok(), json!({"sum": 42}));
    }
    assert_eq!(edge.post("/v1/sum", "").await.ok(), json!({}));
    assert_eq!(
        edge.post("/v1/sum", "[{\"number\": 1}").await.error(),
        (400, 3)
    );
}

#[tokio::test]
async fn silence_is_broken_by_comments_and_each_event_comes_at_once() {
    let mut config = troupe_gateway::Config::default();
    config.limits.heartbeat_secs = 1;
    let edge = Edge::with(config).await;
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http::<http_body_util::Empty<bytes::Bytes>>();
    let request = http::Request::get(format!("http://{}/v1/count/2?hang=true", edge.address))
        .header("accept", "text/event-stream");
    let mut body = client
        .request(request.body(Default::default()).unwrap())
        .await
        .unwrap()
        .into_body();
    let mut seen = String::new();
    while !seen.ends_with(":\n\n") {
        let frame = body.frame().await.unwrap().unwrap();
        seen.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    assert_eq!(
        seen,
        "data: {\"number\":1}\n\ndata: {\"number\":2}\n\n:\n\n"
    );
}

#[tokio::test]
async fn a_stream_that_outlives_its_deadline_says_so() {
    let edge = Edge::start().await;
    let headers = [("accept", "text/event-stream"), ("x-server-timeout", "0.3")];
    let text = edge
        .send("GET", "/v1/count/1?hang=true", &headers, "")
        .await
        .text();
    assert!(
        text.starts_with("data: {\"number\":1}\n\nevent: failure\ndata: {\"code\":4,"),
        "{text}"
    );
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_call_upstream() {
    let edge = Edge::start().await;
    for target in ["/v1/hang", "/v1/count/1?hang=true"] {
        let mut socket = tokio::net::TcpStream::connect(edge.address).await.unwrap();
        socket
            .write_all(format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
            .await
            .unwrap();
        if target != "/v1/hang" {
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
