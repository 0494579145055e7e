//! HTTPS at the gateway's port, and what there is to say about plain HTTP there.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::host::check_host;
use crate::origins::host_of;

/// The first byte of a handshake.
const HANDSHAKE: u8 = 0x16;
/// Names that mean another machine in each network, or none.
const LOCAL: [&str; 4] = [".local", ".localhost", ".internal", ".home.arpa"];
/// Thirty days.
pub(crate) const STRICT: HeaderValue = HeaderValue::from_static("max-age=2592000");

/// Whether a client begins with TLS.
pub(crate) async fn begins(stream: &TcpStream) -> std::io::Result<bool> {
    let mut first = [0];
    let len = stream.peek(&mut first).await?;
    Ok(len == 1 && first[0] == HANDSHAKE)
}

/// Whether browsers are to reach a host by HTTPS alone. It would hold for all ports of the host, so this port must be the one
/// of HTTPS itself; and the name must be this host's in every network.
pub(crate) fn is_strict(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_name = host.contains('.') && !host.contains(':') && host.parse::<Ipv4Addr>().is_err();
    is_name && !LOCAL.iter().any(|local| host.ends_with(local))
}

/// Answers plain HTTP: leads readers to HTTPS, and tells programs.
pub(crate) async fn answer_plain(stream: TcpStream, patience: Duration) {
    let service = service_fn(|request: Request<Incoming>| {
        std::future::ready(Ok::<_, Infallible>(led(&request)))
    });
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().keep_alive(false);
    // How it ends is the client's business.
    _ = timeout(
        patience,
        http.serve_connection(TokioIo::new(stream), service),
    )
    .await;
}

/// Who reads a page is led there. Whatever else was sent, a token or a password perhaps, was sent in the clear already, which
/// must not go unnoticed.
fn led<B>(request: &Request<B>) -> Response<Full<Bytes>> {
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let target = match check_host(request) {
        Ok(()) if !host_of(request).is_empty() => format!("https://{}{path}", host_of(request)),
        _ => "https://".to_owned(),
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD)
        && !request.headers().contains_key(header::AUTHORIZATION);
    let text = format!("this port speaks HTTPS: use {target}\n");
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    let headers = answer.headers_mut();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(location) = HeaderValue::try_from(target)
        && reads
        && location.len() > "https://".len()
    {
        headers.insert(header::LOCATION, location);
        *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_that_is_known_everywhere_is_strict() {
        assert!(is_strict("troupe.example"));
        for host in [
            "",
            "localhost",
            "a.localhost",
            "box",
            "box.local",
            "BOX.LOCAL.",
            "nas.home.arpa",
            "troupe.example:8443",
            "192.0.2.1",
            "[2001:db8::1]",
        ] {
            assert!(!is_strict(host), "{host}");
        }
    }

    #[test]
    fn readers_are_led_and_programs_are_told() {
        let ask = |method: &str, token: bool| {
            let mut request = Request::builder().method(method).uri("/docs?a=1");
            request = request.header("host", "box.local:8000");
            if token {
                request = request.header("authorization", "Bearer x");
            }
            led(&request.body(()).unwrap())
        };
        let answer = ask("GET", false);
        assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(
            answer.headers()["location"],
            "https://box.local:8000/docs?a=1"
        );
        for answer in [ask("POST", false), ask("GET", true)] {
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
            assert!(!answer.headers().contains_key("location"));
        }
        let nowhere = led(&Request::get("/").body(()).unwrap());
        assert_eq!(nowhere.status(), StatusCode::BAD_REQUEST);
    }
}
