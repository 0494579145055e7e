//! What is sent, and what is never followed.

use std::process::Command;

use http::HeaderValue;
use troupe_outbound::{Client, Error, Refusal, Request};

use crate::stage::{Names, Server, local, ok};

#[tokio::test]
async fn hands_a_redirect_over_and_does_not_follow_it() {
    let elsewhere = Server::answering(ok("elsewhere"));
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.at("127.0.0.1");
        let server = Server::answering(format!(
            "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        ));
        let mut config = server.config();
        config.ports.push(elsewhere.port());
        let client = Client::with_resolver(&config, Names::all("127.0.0.1")).unwrap();
        for request in [Request::get, |it: String| Request::post(it, "body")] {
            let answer = client.send(request(server.at("hooks.test"))).await.unwrap();
            assert_eq!(answer.status.as_u16(), status);
            assert_eq!(answer.headers["location"], location);
        }
        assert_eq!(server.requests().len(), 2);
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn sends_the_headers_of_the_caller_and_few_of_its_own() {
    let server = Server::answering(ok("taken"));
    let mut request = Request::post(server.at("hooks.test"), "{}");
    let headers = &mut request.headers;
    headers.insert("webhook-id", HeaderValue::from_static("msg_1"));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    server.client().send(request).await.unwrap();
    let sent = server.requests().remove(0);
    let (head, _) = sent.split_once("\r\n\r\n").unwrap();
    let mut names: Vec<&str> = head
        .lines()
        .skip(1)
        .map(|line| line.split_once(':').unwrap().0)
        .collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "webhook-id",
    ];
    assert_eq!(names, expected);
    assert!(head.contains("webhook-id: msg_1"), "{head}");
}

#[tokio::test]
async fn refuses_headers_that_belong_to_the_connection_or_name_the_host() {
    let server = Server::answering(ok("taken"));
    let client = server.client();
    for name in [
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        let mut request = Request::get(server.at("hooks.test"));
        request.headers.insert(name, HeaderValue::from_static("x"));
        match client.send(request).await {
            Err(Error::Refused(Refusal::Header(refused))) => assert_eq!(refused, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn errors_and_requests_keep_the_address_to_themselves() {
    let server = Server::with(|stream| drop(stream.shutdown(std::net::Shutdown::Both)));
    let client = server.client();
    let address = format!("http://127.0.0.1:{}/secret", server.port());
    let mut request = Request::post(address, "secret");
    request
        .headers
        .insert("authorization", HeaderValue::from_static("secret"));
    assert!(!format!("{request:?}").contains("secret"), "{request:?}");
    let error = client.send(request).await.unwrap_err();
    assert!(
        matches!(error, Error::Broken { status: None, .. }),
        "{error:?}"
    );
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn never_sends_a_request_twice() {
    let server = Server::with(|stream| drop(stream.shutdown(std::net::Shutdown::Both)));
    let request = Request::post(server.at("hooks.test"), "once");
    server.client().send(request).await.unwrap_err();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn says_that_nobody_listens() {
    // Bound and not listening: nobody else gets the port meanwhile.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let client = Client::with_resolver(&local(port), Names::all("127.0.0.1")).unwrap();
    let address = format!("http://127.0.0.1:{port}/");
    let outcome = client.send(Request::get(address)).await;
    assert!(matches!(outcome, Err(Error::Unreachable(_))), "{outcome:?}");
}

/// Set in the process that the next test starts: the port of its server.
const PORT_OF_PARENT: &str = "TROUPE_OUTBOUND_TEST_PORT";

#[test]
fn ignores_proxies_of_the_environment() {
    let server = Server::answering(ok("direct"));
    let proxy = Server::answering(ok("proxied"));
    let proxy_url = format!("http://127.0.0.1:{}", proxy.port());
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "wire::child_of_ignores_proxies", "--nocapture"])
        .env(PORT_OF_PARENT, server.port().to_string())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env_remove("REQUEST_METHOD");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        child
            .env(name, &proxy_url)
            .env(name.to_lowercase(), &proxy_url);
    }
    let output = child.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(proxy.requests(), Vec::<String>::new());
    assert_eq!(server.requests().len(), 1);
}

/// The part of the test above that needs variables from its start on. Does nothing on its own.
#[expect(
    clippy::disallowed_methods,
    reason = "the variable says how a test runs, which no setting does"
)]
#[tokio::test]
async fn child_of_ignores_proxies() {
    let Ok(port) = std::env::var(PORT_OF_PARENT) else {
        return;
    };
    let config = local(port.parse().unwrap());
    let client = Client::with_resolver(&config, Names::all("127.0.0.1")).unwrap();
    let address = format!("http://hooks.test:{port}/");
    let answer = client.send(Request::get(address)).await.unwrap();
    assert_eq!(&answer.body[..], b"direct");
}
