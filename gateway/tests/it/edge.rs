//! Limits, ids, origins and the end.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use troupe_gateway::{Config, Rate};

use crate::harness::Edge;

#[tokio::test]
async fn a_request_id_is_made_unless_a_sane_one_was_sent() {
    let edge = Edge::start().await;
    let answer = edge
        .send("GET", "/v1/get", &[("x-request-id", "abc-123")], "")
        .await;
    assert_eq!(answer.header("x-request-id"), "abc-123");
    assert!(answer.header("seen").contains("x-request-id=abc-123"));
    for insane in ["", "a b", &"x".repeat(200)] {
        let answer = edge
            .send("GET", "/nowhere", &[("x-request-id", insane)], "")
            .await;
        assert_eq!(answer.header("x-request-id").len(), 36);
    }
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused_before_they_are_read() {
    let mut config = Config::default();
    config.limits.request_bytes = 1000;
    let edge = Edge::with(config).await;
    let answer = edge
        .post("/v1/echo", format!("{{\"str\": \"{}\"}}", "a".repeat(900)))
        .await;
    assert_eq!(answer.status.as_u16(), 200);
    let answer = edge
        .post("/v1/echo", format!("{{\"str\": \"{}\"}}", "a".repeat(1500)))
        .await;
    assert_eq!(answer.error(), (413, 8));
    let mut socket = tokio::net::TcpStream::connect(edge.address).await.unwrap();
    // The body never comes, and isn't waited for.
    socket
        .write_all(b"POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n")
        .await
        .unwrap();
    let mut start = [0; 12];
    socket.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
}

#[tokio::test]
async fn one_budget_covers_every_protocol() {
    let mut config = Config::default();
    config.rates.unclassified = Rate {
        per_second: 0.001,
        burst: 3,
    };
    let edge = Edge::with(config).await;
    assert_eq!(edge.get("/v1/get").await.status.as_u16(), 200);
    let web = [("content-type", "application/grpc-web")];
    let frame = vec![0; 5];
    let answer = edge
        .send("POST", "/echo.v1.EchoService/Echo", &web, frame.clone())
        .await;
    assert!(String::from_utf8_lossy(&answer.body).contains("grpc-status:0"));
    assert_eq!(edge.get("/v1/get").await.status.as_u16(), 200);
    let refused = edge.get("/v1/get").await;
    assert_eq!(refused.error(), (429, 8));
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((900..=1000).contains(&seconds), "{seconds}");
    let details = refused.json()["details"].to_string();
    assert!(
        details.contains("RetryInfo") && details.contains("RATE_LIMITED"),
        "{details}"
    );
    let refused = edge
        .send("POST", "/echo.v1.EchoService/Echo", &web, frame)
        .await;
    assert_eq!(refused.header("grpc-status"), "8");
}

#[tokio::test]
async fn pages_of_allowed_origins_may_call_and_read() {
    let mut config = Config::default();
    config.cors.allowed_origins = vec!["https://app.example".into()];
    config.cors.exposed_headers = vec!["x-mine".into()];
    let edge = Edge::with(config).await;
    let preflight = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "content-type,x-grpc-web,x-user-agent,grpc-timeout,authorization",
        ),
    ];
    let answer = edge
        .send("OPTIONS", "/echo.v1.EchoService/Echo", &preflight, "")
        .await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://app.example"
    );
    assert_eq!(
        answer.header("access-control-allow-headers"),
        preflight[2].1
    );
    assert!(!answer.header("x-request-id").is_empty());

    for target in ["/v1/get", "/nowhere"] {
        let answer = edge.send("GET", target, &preflight[..1], "").await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "https://app.example"
        );
        let exposed = answer.header("access-control-expose-headers");
        for name in [
            "grpc-status",
            "grpc-message",
            "grpc-status-details-bin",
            "x-request-id",
            "retry-after",
            "ratelimit-policy",
            "deprecation",
            "sunset",
            "etag",
            "content-disposition",
            "x-mine",
        ] {
            assert!(exposed.contains(name), "{exposed}");
        }
        assert!(exposed.contains("ratelimit,"), "{exposed}");
    }
    let answer = edge
        .send("GET", "/v1/get", &[("origin", "https://evil.example")], "")
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert!(edge.get("/v1/get").await.header("vary").contains("origin"));
}

#[tokio::test]
async fn headers_are_limited() {
    let mut config = Config::default();
    config.limits.header_bytes = 8192;
    let edge = Edge::with(config).await;
    let answer = edge
        .send("GET", "/v1/get", &[("x-big", &"a".repeat(20_000))], "")
        .await;
    assert_eq!(answer.status.as_u16(), 431);
}

#[tokio::test]
async fn clients_that_never_send_their_headers_are_let_go() {
    let mut config = Config::default();
    config.limits.header_secs = 1;
    config.limits.idle_secs = 1;
    let edge = Edge::with(config).await;
    for opening in [
        &b""[..],
        b"GET / HTTP/1.1\r\nx-slow: ",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut socket = tokio::net::TcpStream::connect(edge.address).await.unwrap();
        socket.write_all(opening).await.unwrap();
        let mut rest = Vec::new();
        // Ends only where the gateway closes.
        _ = socket.read_to_end(&mut rest).await;
    }
}

#[tokio::test]
async fn shutdown_lets_running_calls_end_and_takes_no_new_ones() {
    let edge = Edge::start().await;
    let mut socket = tokio::net::TcpStream::connect(edge.address).await.unwrap();
    socket.write_all(b"GET /v1/count/1?hang=true HTTP/1.1\r\nhost: x\r\nx-server-timeout: 1\r\naccept: text/event-stream\r\n\r\n").await.unwrap();
    let mut start = [0; 12];
    socket.read_exact(&mut start).await.unwrap();
    edge.shutdown.cancel();
    let mut rest = String::new();
    socket.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("event: failure"), "{rest}");
    assert!(edge.served.await.unwrap());
    assert!(tokio::net::TcpStream::connect(edge.address).await.is_err());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let mut config = Config::default();
    config.limits.drain_secs = 1;
    let edge = Edge::with(config).await;
    let mut socket = tokio::net::TcpStream::connect(edge.address).await.unwrap();
    socket
        .write_all(b"GET /v1/count/1?hang=true HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut start = [0; 12];
    socket.read_exact(&mut start).await.unwrap();
    edge.shutdown.cancel();
    assert!(!edge.served.await.unwrap());
    edge.echo.dropped.notified().await;
}

#[test]
fn configurations_that_can_not_work_are_refused_by_name() {
    let refused = |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    };
    assert!(refused(|it| it.rates.read.burst = 0).contains("rates.read"));
    assert!(refused(|it| it.limits.connections = 0).contains("limits.connections"));
    for entry in [
        "x",
        "http://ann:secret@a:1",
        "=http://a:1",
        "a.B=https://a:1",
        "a.B=a:1",
        "a.B=http://a:1/path",
        "a.B=http://ann:%zz@a:1",
    ] {
        let config = Config {
            upstreams: vec![entry.into()],
            ..Config::default()
        };
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains("gateway.upstreams"), "{entry}: {error}");
        assert!(!error.contains("@a") && !error.contains("a:1"), "{error}");
    }
    let unknown = serde_json::from_str::<Config>(r#"{"limit": {}}"#).unwrap_err();
    assert!(unknown.to_string().contains("limit"));
    assert!(
        serde_json::from_str::<Config>("{}")
            .unwrap()
            .validate()
            .is_ok()
    );
}
