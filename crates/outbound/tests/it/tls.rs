//! The certificate is asked for by the name that was given, although the connection goes to an address that was judged.

use std::io::Write;
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use troupe_outbound::{Client, Config, Error, Request};

use crate::stage::{Names, ok, read_request};

const PORT_OF_PARENT: &str = "TROUPE_OUTBOUND_TEST_TLS_PORT";

/// What a server saw of its connections: the name that was asked for, the protocol that was agreed on, the request.
type Seen = Arc<Mutex<Vec<(Option<String>, Option<Vec<u8>>, String)>>>;

/// A server for `hooks.test` that prefers HTTP/2, and the certificate of whoever vouches for it.
fn a_server_with_tls() -> (u16, Seen, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["hooks.test".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let config = Arc::new(config);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = StreamOwned::new(connection, stream);
            if let Some(request) = read_request(&mut tls) {
                let name = tls.conn.server_name().map(str::to_owned);
                let protocol = tls.conn.alpn_protocol().map(<[u8]>::to_vec);
                kept.lock().unwrap().push((name, protocol, request));
                tls.write_all(ok("taken").as_bytes()).unwrap();
            }
        }
    });
    (port, seen, authority.pem())
}

#[test]
fn asks_for_the_certificate_of_the_name() {
    let (port, seen, authority) = a_server_with_tls();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.pem");
    std::fs::write(&path, authority).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tls::child_of_asks_for_the_certificate",
            "--nocapture",
        ])
        .env(PORT_OF_PARENT, port.to_string())
        .env("SSL_CERT_FILE", &path)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let seen = seen.lock().unwrap();
    let [(name, protocol, request)] = &seen[..] else {
        panic!("not one request: {seen:?}");
    };
    assert_eq!(name.as_deref(), Some("hooks.test"));
    assert_ne!(protocol.as_deref(), Some(&b"h2"[..]));
    assert!(request.starts_with("GET /hook HTTP/1.1\r\n"), "{request}");
}

/// The part of the test above that believes its authority, which a variable names. Does nothing on its own.
#[expect(
    clippy::disallowed_methods,
    reason = "the variable says how a test runs, which no setting does"
)]
#[tokio::test]
async fn child_of_asks_for_the_certificate() {
    let Ok(port) = std::env::var(PORT_OF_PARENT) else {
        return;
    };
    let config = Config {
        ports: vec![port.parse().unwrap()],
        allowed_networks: vec!["127.0.0.1/32".parse().unwrap()],
        ..Config::default()
    };
    let client = Client::with_resolver(&config, Names::all("127.0.0.1")).unwrap();
    let at = |host: &str| Request::get(format!("https://{host}:{port}/hook"));
    let answer = client.send(at("hooks.test")).await.unwrap();
    assert_eq!(answer.status.as_u16(), 200);
    for host in ["other.test", "127.0.0.1"] {
        let outcome = client.send(at(host)).await;
        assert!(matches!(outcome, Err(Error::Unreachable(_))), "{outcome:?}");
    }
}
