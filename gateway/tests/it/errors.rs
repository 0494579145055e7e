//! Errors in their HTTP form.

use std::net::SocketAddr;

use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::echo::Echo;
use crate::harness::Edge;

#[tokio::test]
async fn every_code_has_its_http_status() {
    let edge = Edge::start().await;
    let table = [
        (1, 499),
        (2, 500),
        (3, 400),
        (4, 504),
        (5, 404),
        (6, 409),
        (7, 403),
        (8, 429),
        (9, 400),
        (10, 409),
        (11, 400),
        (12, 501),
        (13, 500),
        (14, 503),
        (15, 500),
        (16, 401),
    ];
    for (code, status) in table {
        let answer = edge.get(&format!("/v1/fail/{code}")).await;
        assert_eq!(answer.error(), (status, code), "{}", answer.text());
    }
    assert_eq!(
        edge.get("/v1/fail/16").await.header("www-authenticate"),
        "Bearer"
    );
}

#[tokio::test]
async fn an_error_carries_message_details_and_trailers() {
    let edge = Edge::start().await;
    let answer = edge.get("/v1/fail/8?with_details=true").await;
    assert_eq!(answer.error(), (429, 8));
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(answer.header("x-trailer"), "kept");
    let body = answer.json();
    assert_eq!(body["message"], "it's bröken: 100 %");
    let detail = |name: &str| {
        let name = format!("type.googleapis.com/google.rpc.{name}");
        body["details"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["@type"] == json!(name))
            .unwrap()
            .clone()
    };
    assert_eq!(detail("ErrorInfo")["metadata"], json!({"key": "value"}));
    assert_eq!(detail("RetryInfo")["retryDelay"], "1.500s");
    assert_eq!(
        detail("BadRequest")["fieldViolations"][0],
        json!({"field": "field.path", "description": "is wrong"})
    );
}

#[tokio::test]
async fn every_refusal_names_its_request_and_ours_lead_to_their_reason() {
    let edge = Edge::start().await;
    for (path, accept, link) in [
        ("/nowhere", "*/*", Some("/docs/errors#UNKNOWN_METHOD")),
        (
            "/v1/get?int32=x",
            "*/*",
            Some("/docs/errors#INVALID_REQUEST"),
        ),
        ("/v1/fail/8?with_details=true", "*/*", None),
        ("/v1/fail/5", "*/*", None),
    ] {
        let headers = [("accept", accept), ("x-request-id", "mine-\"7\"")];
        let answer = edge.send("GET", path, &headers, "").await;
        let body = answer.json();
        let details = body["details"].as_array().unwrap();
        let of = |name: &str| {
            let name = format!("type.googleapis.com/google.rpc.{name}");
            let mut found = details.iter().filter(|it| it["@type"] == json!(name));
            let first = found.next().cloned();
            assert!(found.next().is_none(), "{path} has two of {name}");
            first
        };
        assert_eq!(of("RequestInfo").unwrap()["requestId"], "mine-\"7\"");
        let help = of("Help").map(|help| help["links"][0]["url"].clone());
        assert_eq!(help, link.map(|link| json!(link)), "{path}");
    }
}

#[tokio::test]
async fn errors_of_routing_have_the_same_shape() {
    let edge = Edge::start().await;
    let body = edge.get("/nowhere").await.json();
    assert_eq!(body["code"], 12);
    assert_eq!(body["details"][0]["reason"], "UNKNOWN_METHOD");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_unavailable() {
    // Nothing listens on port 1.
    let edge = Edge::before_address(SocketAddr::from(([127, 0, 0, 1], 1))).await;
    let answer = edge.get("/v1/get").await;
    assert_eq!(answer.error(), (503, 14));
    assert_eq!(answer.header("retry-after"), "1");
    let text = answer.text();
    assert!(
        text.contains("echo.v1.EchoService can't be reached"),
        "{text}"
    );
    assert!(!text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn an_upstream_that_was_away_is_called_again() {
    // Of an address that nobody else uses, or another test may take the port while the upstream is away.
    let listener = TcpListener::bind("127.0.7.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let edge = Edge::before_address(address).await;
    let tasks = platform::Tasks::new();

    let shutdown = CancellationToken::new();
    let served = tasks.spawn(Echo::default().serve_on(listener, shutdown.clone()));
    edge.get("/v1/get").await.ok();
    shutdown.cancel();
    served.await.unwrap();
    assert_eq!(edge.get("/v1/get").await.error(), (503, 14));

    let listener = TcpListener::bind(address).await.unwrap();
    tasks.spawn(Echo::default().serve_on(listener, CancellationToken::new()));
    edge.get("/v1/get").await.ok();
}

#[tokio::test]
async fn a_call_ends_at_its_deadline() {
    let edge = Edge::start().await;
    for header in [("x-server-timeout", "0.05"), ("grpc-timeout", "50m")] {
        assert_eq!(
            edge.send("GET", "/v1/hang", &[header], "").await.error(),
            (504, 4)
        );
    }
    assert_eq!(
        edge.send("GET", "/v1/get", &[("x-server-timeout", "soon")], "")
            .await
            .error(),
        (400, 3)
    );
}
