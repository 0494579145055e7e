//! What holds for every protocol: deadlines, sizes, tokens, budgets, load, and pages of other origins.

use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use troupe_gateway::{Config, Rate};
use troupe_proto::policy::Audience;

use super::{JSON, PROTO, STREAM_JSON, STREAM_PROTO, VERSION, call, envelope, error, opened, path};
use crate::harness::{Edge, until};
use crate::identity::Issuer;

const TIMEOUT: &str = "connect-timeout-ms";

#[tokio::test]
async fn a_deadline_ends_the_call() {
    let edge = Edge::start().await;
    for time in ["50", "0"] {
        let answer = call(&edge, "Hang", &[JSON, (TIMEOUT, time)], "{}").await;
        assert_eq!(error(&answer), (504, "deadline_exceeded".into()), "{time}");
    }
    let answer = call(&edge, "Echo", &[JSON, (TIMEOUT, "9999999999")], "{}").await;
    assert_eq!(answer.ok(), json!({}));
    let body = envelope(0, br#"{"to": 1, "hang": true}"#);
    let answer = call(&edge, "Count", &[STREAM_JSON, (TIMEOUT, "50")], body).await;
    assert_eq!(opened(&answer.body).1["error"]["code"], "deadline_exceeded");
}

#[tokio::test]
async fn what_is_no_time_is_refused() {
    let edge = Edge::start().await;
    for time in ["-1", "+5", "-0", "10s", "1e3", "12345678901", "", "soon"] {
        let answer = call(&edge, "Echo", &[JSON, (TIMEOUT, time)], "{}").await;
        assert_eq!(error(&answer), (400, "invalid_argument".into()), "{time}");
        assert!(answer.text().contains(TIMEOUT), "{}", answer.text());
        let headers = [STREAM_JSON, (TIMEOUT, time)];
        let answer = call(&edge, "Count", &headers, envelope(0, b"{}")).await;
        let end = opened(&answer.body).1;
        assert_eq!(end["error"]["code"], "invalid_argument", "{time}");
    }
}

#[tokio::test]
async fn messages_beyond_the_limit_are_refused_unread() {
    let mut config = Config::default();
    config.limits.request_bytes = 1000;
    let edge = Edge::with(config).await;
    let text = |len: usize| format!("{{\"str\": \"{}\"}}", "a".repeat(len));
    assert_eq!(call(&edge, "Echo", &[JSON], text(900)).await.status, 200);
    let too_large = (429, "resource_exhausted".to_owned());
    for len in [1500, 5000] {
        let answer = call(&edge, "Echo", &[JSON], text(len)).await;
        assert_eq!(error(&answer), too_large, "{len}");
        assert!(
            answer.text().contains("REQUEST_TOO_LARGE"),
            "{}",
            answer.text()
        );
        let body = envelope(0, text(len).replace("str", "contentType").as_bytes());
        let answer = call(&edge, "DownloadParts", &[STREAM_JSON], body).await;
        assert_eq!(
            opened(&answer.body).1["error"]["code"],
            too_large.1,
            "{len}"
        );
    }
    // A byte below the limit passes, in either form, and one above doesn't.
    let message = |len: usize| [&[0x7a, 0xe5, 0x07][..], &vec![b'a'; len - 3]].concat();
    assert_eq!(
        call(&edge, "Echo", &[PROTO], message(1000)).await.status,
        200
    );
    let answer = call(&edge, "Echo", &[PROTO], message(1001)).await;
    assert_eq!(error(&answer), too_large);
    let of_zeros = |len| envelope(0, &vec![0x20; len]);
    let answer = call(&edge, "Count", &[STREAM_PROTO], of_zeros(1001)).await;
    assert_eq!(opened(&answer.body).1["error"]["code"], too_large.1);

    let mut socket = TcpStream::connect(edge.address).await.unwrap();
    // The body never comes, and isn't waited for.
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/proto\r\ncontent-length: 5000000\r\n\r\n",
        path("Echo")
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    socket.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 429");
}

#[tokio::test]
async fn strangers_are_let_in_nowhere_and_methods_for_services_are_not_there() {
    let issuer = Issuer::new();
    let pool = troupe_proto::descriptor_pool();
    let services: Vec<String> = pool
        .services()
        .map(|it| it.full_name().to_owned())
        .collect();
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    let verifier = Some(issuer.verifier.clone());
    let one = Bytes::from(envelope(0, b""));
    for (unary, stream, token) in [
        (JSON, STREAM_JSON, ""),
        (PROTO, STREAM_PROTO, "Bearer guess"),
    ] {
        // Guesses have a budget, and there are more methods that write than it lets a stranger call in a row.
        let mut config = Config::default();
        config.rates.write.burst = 1000;
        let edge = Edge::before(pool, &services, config, verifier.clone()).await;
        let authorization = [("authorization", token)];
        let authorization = &authorization[..usize::from(!token.is_empty())];
        for method in troupe_proto::policy::METHODS {
            let (kind, body) = match method.server_streaming {
                true => (stream, one.clone()),
                false => (unary, Bytes::new()),
            };
            let headers = [&[kind, VERSION], authorization].concat();
            let answer = edge.send("POST", method.path, &headers, body).await;
            let code = match answer.status.as_u16() {
                200 if method.server_streaming => opened(&answer.body).1["error"]["code"].clone(),
                200 => json!(null),
                _ => answer.json()["code"].clone(),
            };
            let expected = match method.audience {
                Audience::Service => json!("unimplemented"),
                Audience::User | Audience::Admin => json!("unauthenticated"),
                _ => continue,
            };
            assert_eq!(code, expected, "{}", method.path);
            assert_eq!(
                answer.header("cache-control"),
                "no-store",
                "{}",
                method.path
            );
        }
    }
    let edge = Edge::before(pool, &services, Config::default(), verifier).await;
    let sessions = "/troupe.users.v1.AuthService/ListLoginSessions";
    let token = issuer.token('q', false);
    let headers = [JSON, ("authorization", token.as_str())];
    let answer = edge.send("POST", sessions, &headers, "{}").await;
    assert_eq!(answer.ok()["loginSessions"], json!([]));
    let answer = edge.send("POST", sessions, &[JSON], "{}").await;
    assert_eq!(error(&answer), (401, "unauthenticated".into()));
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let reason = &answer.json()["details"][0]["debug"]["reason"];
    assert_eq!(reason, "TOKEN_MISSING");
}

#[tokio::test]
async fn the_budget_is_that_of_every_protocol() {
    let mut config = Config::default();
    config.rates.unclassified = Rate {
        per_second: 0.001,
        burst: 3,
    };
    let edge = Edge::with(config).await;
    assert_eq!(edge.get("/v1/get").await.status, 200);
    assert_eq!(call(&edge, "Echo", &[JSON], "{}").await.status, 200);
    let get = path("Get") + "?encoding=json&message=%7B%7D";
    assert_eq!(edge.get(&get).await.status, 200);
    assert_eq!(edge.get("/v1/get").await.error(), (429, 8));
    let refused = call(&edge, "Echo", &[JSON], "{}").await;
    assert_eq!(error(&refused), (429, "resource_exhausted".into()));
    assert!(!refused.header("retry-after").is_empty());
    let refused = call(&edge, "Count", &[STREAM_PROTO], envelope(0, b"")).await;
    let end = opened(&refused.body).1;
    assert_eq!(end["error"]["code"], "resource_exhausted");
}

#[tokio::test]
async fn what_is_too_much_is_refused_at_once_in_the_form_of_the_call() {
    let mut config = Config::default();
    config.overload.least_calls = 1;
    config.overload.most_calls = 1;
    config.overload.hold_millis = 3_600_000;
    // However slow the machine is that this runs on.
    config.overload.longest_wait_millis = 60_000;
    let edge = Edge::with(config).await;
    let mut running = TcpStream::connect(edge.address).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n",
        path("Hang")
    );
    running.write_all(head.as_bytes()).await.unwrap();
    until("it is under way", async || {
        let answer = call(&edge, "Hang", &[JSON, (TIMEOUT, "1")], "").await;
        answer.status.as_u16() == 429
    })
    .await;
    let stream = call(&edge, "Hang", &[STREAM_PROTO], "").await;
    assert_eq!(stream.status.as_u16(), 200);
    assert_eq!(stream.header("content-type"), STREAM_PROTO.1);
    let end = opened(&stream.body).1;
    assert_eq!(end["error"]["code"], "resource_exhausted");
    assert!(end.to_string().contains("OVERLOADED"), "{end}");
    let answer = call(&edge, "Hang", &[PROTO], "").await;
    assert_eq!(error(&answer), (429, "resource_exhausted".into()));
    // Whoever is refused again is asked to wait longer.
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!(seconds >= 3600, "{seconds}");
    assert!(answer.text().contains("OVERLOADED"), "{}", answer.text());
}

#[tokio::test]
async fn pages_of_other_origins_may_call_and_read() {
    let mut config = Config::default();
    config.cors.allowed_origins = vec!["https://app.example".into()];
    let edge = Edge::with(config).await;
    let wanted = "connect-protocol-version,connect-timeout-ms,content-type,authorization";
    for verb in ["POST", "GET"] {
        let preflight = [
            ("origin", "https://app.example"),
            ("access-control-request-method", verb),
            ("access-control-request-headers", wanted),
        ];
        let answer = edge.send("OPTIONS", &path("Get"), &preflight, "").await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.header("access-control-allow-headers"), wanted);
        assert_eq!(answer.header("access-control-allow-methods"), verb);
    }
    let headers = [JSON, VERSION, ("origin", "https://app.example")];
    for method in ["Get", "Nope"] {
        let answer = call(&edge, method, &headers, "{}").await;
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(origin, "https://app.example");
        let exposed = answer.header("access-control-expose-headers");
        assert!(exposed.split(',').any(|it| it.trim() == "*"), "{exposed}");
    }
}
