//! HTTPS at the gateway's port.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use platform::Clock;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use troupe_gateway::Config;
use wire::identity::LocalCertificate;

use crate::harness::{Edge, raw};

const NAME: &str = "box.local";

struct Secured {
    edge: Edge,
    certificate: Arc<LocalCertificate>,
    _folder: TempDir,
}

impl Secured {
    async fn start(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate =
            Arc::new(LocalCertificate::open(folder.path(), NAME, Clock::system()).unwrap());
        let edge = Edge::with_tls(config, certificate.server().unwrap()).await;
        Self {
            edge,
            certificate,
            _folder: folder,
        }
    }

    /// A connection of a client that knows these protocols and trusts the certificate's authority.
    async fn connect(&self, protocols: &[&str]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(self.certificate.authority());
        roots.add(authority.unwrap()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        let socket = TcpStream::connect(self.edge.address).await.unwrap();
        let name = ServerName::try_from(NAME).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, socket).await.unwrap()
    }

    async fn http2(&self) -> http2::SendRequest<Empty<Bytes>> {
        let io = TokioIo::new(self.connect(&["h2", "http/1.1"]).await);
        let handshake = http2::handshake(TokioExecutor::new(), io).await;
        let (sender, connection) = handshake.unwrap();
        platform::Tasks::new().spawn(connection);
        sender
    }
}

fn get(host: &str, target: &str) -> Request<Empty<Bytes>> {
    let uri = format!("https://{host}{target}");
    Request::get(uri).body(Empty::new()).unwrap()
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, what).await.unwrap()
}

fn strict(answer: &Response<Incoming>) -> Option<&str> {
    let value = answer.headers().get("strict-transport-security")?;
    value.to_str().ok()
}

#[tokio::test]
async fn clients_choose_their_http() {
    let secured = Secured::start(Config::default()).await;
    for (known, chosen) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let mut stream = secured.connect(known).await;
        let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(agreed.as_deref(), chosen.map(str::as_bytes));
        if chosen == Some("h2") {
            continue;
        }
        let request = b"GET /v1/get HTTP/1.1\r\nhost: box.local\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let answer = secured
        .http2()
        .await
        .send_request(get(NAME, "/v1/get"))
        .await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn six_open_streams_do_not_hold_up_a_seventh_call() {
    let secured = Secured::start(Config::default()).await;
    let mut connection = secured.http2().await;
    let mut streams = Vec::new();
    for _ in 0..6 {
        let asked = connection.send_request(get(NAME, "/v1/count/1?hang=true"));
        let mut stream = soon(asked).await.unwrap();
        let first = soon(stream.body_mut().frame()).await.unwrap().unwrap();
        assert!(first.into_data().unwrap().starts_with(b"data:"));
        streams.push(stream);
    }
    let seventh = soon(connection.send_request(get(NAME, "/v1/get"))).await;
    assert_eq!(seventh.unwrap().status(), StatusCode::OK);
    assert_eq!(streams.len(), 6);
}

#[tokio::test]
async fn plain_http_is_led_there_or_told() {
    let secured = Secured::start(Config::default()).await;
    let address = secured.edge.address;
    let led = raw(
        address,
        b"GET /docs?a=1 HTTP/1.1\r\nhost: box.local:8000\r\n\r\n",
    )
    .await;
    assert!(led.starts_with("HTTP/1.1 307"), "{led}");
    assert!(
        led.contains("location: https://box.local:8000/docs?a=1\r\n"),
        "{led}"
    );
    let told = raw(
        address,
        b"POST /a HTTP/1.1\r\nhost: box.local\r\ncontent-length: 0\r\n\r\n",
    );
    let told = told.await;
    assert!(told.starts_with("HTTP/1.1 400"), "{told}");
    assert!(told.contains("this port speaks HTTPS"), "{told}");
    assert!(!told.contains("location:"), "{told}");
}

#[tokio::test]
async fn a_host_named_by_headers_leads_nowhere_else() {
    let secured = Secured::start(Config::default()).await;
    for hostile in [
        "host: a.example/b",
        "host: user@a.example",
        "host: ",
        "x: y",
        "host: a.example\r\nhost: b.example",
    ] {
        let request = format!("GET / HTTP/1.1\r\n{hostile}\r\n\r\n");
        let told = raw(secured.edge.address, request.as_bytes()).await;
        assert!(told.starts_with("HTTP/1.1 400"), "{hostile}: {told}");
        assert!(!told.contains("location:"), "{told}");
    }
}

#[tokio::test]
async fn browsers_are_held_to_https_only_where_it_is_the_whole_host_s() {
    let secured = Secured::start(Config::default()).await;
    let mut connection = secured.http2().await;
    let answer = connection.send_request(get("troupe.example", "/v1/get"));
    assert_eq!(strict(&answer.await.unwrap()), Some("max-age=2592000"));
    for host in [
        "localhost:8000",
        "localhost",
        "box.local",
        "troupe.example:8000",
        "127.0.0.1",
    ] {
        let answer = connection.send_request(get(host, "/v1/get")).await;
        assert_eq!(strict(&answer.unwrap()), None, "{host}");
    }
    // Nor by a gateway that speaks plain HTTP.
    let plain = Edge::start().await;
    let headers = [("host", "troupe.example")];
    let answer = plain.send("GET", "/v1/get", &headers, "").await;
    assert_eq!(answer.header("strict-transport-security"), "");
}

#[tokio::test]
async fn who_begins_a_handshake_and_stops_is_let_go() {
    let mut config = Config::default();
    config.limits.header_secs = 1;
    let secured = Secured::start(config).await;
    for opening in [
        &b""[..],
        b"\x16",
        b"\x16\x03\x01\x02\x00\x01",
        b"\x16garbage",
    ] {
        let mut socket = TcpStream::connect(secured.edge.address).await.unwrap();
        socket.write_all(opening).await.unwrap();
        let mut rest = Vec::new();
        // Ends only where the gateway closes.
        _ = soon(socket.read_to_end(&mut rest)).await;
    }
}
