//! Each server that can be named, in each way that it can't be used: the doctor fails, says what is wrong in words for
//! people, and what to do.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use testkit::servers::{Nats, Postgres};

use super::{about, findings, shows_no_debug_text};
use crate::credentials::{answering, certificate};
use crate::platform::{Setup, free_address};

const SUBJECTS: [&str; 6] = [
    "Redis",
    "events",
    "file store",
    "qdrant",
    "model server",
    "collector",
];
/// Those that speak TLS from the first byte on.
const TLS_AT_ONCE: [&str; 5] = ["Redis", "file store", "qdrant", "model server", "collector"];
const BAD_REQUEST: &str =
    "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// All servers but PostgreSQL at one address.
fn all_at(address: &str, is_tls: bool) -> Setup {
    let [redis, nats, http] = match is_tls {
        false => ["redis", "nats", "http"],
        true => ["rediss", "tls", "https"],
    };
    Setup::new()
        .with(
            "TROUPE__REDIS__URL",
            format!("{redis}://:hunter2@{address}"),
        )
        .with(
            "TROUPE__NATS__URL",
            format!("{nats}://ann:hunter2@{address}"),
        )
        .with("TROUPE__S3__BUCKET", "files")
        .with("TROUPE__S3__ENDPOINT", format!("{http}://{address}"))
        .with("TROUPE__S3__ACCESS_KEY_ID", "ann")
        .with("TROUPE__S3__SECRET_ACCESS_KEY", "hunter2")
        .with("TROUPE__QDRANT__URL", format!("{http}://{address}"))
        .with(
            "TROUPE__AI__OPENAI__BASE_URL",
            format!("{http}://{address}/v1"),
        )
        .with("TROUPE__TELEMETRY__OTLP", format!("{http}://{address}"))
}

fn postgres_at(address: &str, parameters: &str) -> Setup {
    let url = format!("postgres://ann:hunter2@{address}/troupe{parameters}");
    Setup::new().with("TROUPE__DATABASE__URL", url)
}

/// Whether each of the subjects is broken, in words for people that say `why`.
async fn are_broken(setup: &Setup, subjects: &[&str], why: &str) {
    let (code, found) = findings(setup, &[]).await;
    assert_eq!(code, Some(1), "{found:#?}");
    for subject in subjects {
        let of_subject = about(&found, subject);
        assert!(!of_subject.is_empty(), "nothing about {subject}");
        for finding in of_subject {
            assert_eq!(finding["state"], "broken", "{finding}");
            let (text, advice) = (&finding["text"], &finding["advice"]);
            let said = format!("{} -> {}", text.as_str().unwrap(), advice.as_str().unwrap());
            println!("{subject}: {said}");
            assert!(said.contains(why) && !said.contains("hunter2"), "{said}");
            shows_no_debug_text(&said);
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let address = free_address();
    are_broken(&all_at(&address, false), &SUBJECTS, "nothing listens there").await;
    are_broken(
        &postgres_at(&address, ""),
        &["database"],
        "nothing listens there",
    )
    .await;
    let upstream = Setup::new().with(
        "TROUPE__GATEWAY__UPSTREAMS",
        format!("a.B=http://{address}"),
    );
    are_broken(&upstream, &["upstream"], "nothing listens there").await;
}

#[tokio::test]
async fn a_host_that_nobody_knows() {
    // Not even a name server that isn't there is asked for this one.
    let address = format!("{}.invalid:1", "a".repeat(64));
    are_broken(&all_at(&address, false), &SUBJECTS, "lookup").await;
    are_broken(&postgres_at(&address, ""), &["database"], "lookup").await;
}

#[tokio::test]
async fn a_server_that_is_silent() {
    // The system connects; nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    are_broken(
        &all_at(&address, false),
        &SUBJECTS,
        "nothing answers in time",
    )
    .await;
    are_broken(
        &postgres_at(&address, ""),
        &["database"],
        "nothing answers in time",
    )
    .await;
}

#[tokio::test]
async fn a_port_of_something_else() {
    let (other, _) = answering(BAD_REQUEST);
    let address = other.to_string();
    are_broken(&all_at(&address, false), &SUBJECTS, "").await;
    are_broken(&postgres_at(&address, ""), &["database"], "").await;
}

#[tokio::test]
async fn a_port_without_tls() {
    let (plain, _) = answering(BAD_REQUEST);
    let setup = all_at(&plain.to_string(), true);
    are_broken(&setup, &TLS_AT_ONCE, "it doesn't speak TLS there").await;
    let nats = Nats::start(None).await.unwrap();
    let setup = all_at(nats.url().trim_start_matches("nats://"), true);
    are_broken(&setup, &["events"], "TLS").await;
    let postgres = Postgres::shared().await.unwrap().new_database().unwrap();
    let setup = Setup::new().with(
        "TROUPE__DATABASE__URL",
        format!("{postgres}?sslmode=require"),
    );
    are_broken(&setup, &["database"], "TLS").await;
}

/// Where connections get as far as TLS.
fn shaking_hands(certificate: &str, key: &str) -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut io in listener.incoming().flatten() {
            let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let _refused_by_the_client = tls.complete_io(&mut io);
        }
    });
    address
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for() {
    let (_, certificate, key) = certificate();
    let address = shaking_hands(&certificate, &key).to_string();
    are_broken(&all_at(&address, true), &TLS_AT_ONCE, "isn't trusted").await;

    let folder = tempfile::tempdir().unwrap();
    let [certificate_file, key_file] = ["tls.pem", "tls.key"].map(|name| folder.path().join(name));
    std::fs::write(&certificate_file, &certificate).unwrap();
    std::fs::write(&key_file, &key).unwrap();
    let settings = format!("tls {{ cert_file: {certificate_file:?}, key_file: {key_file:?} }}");
    let nats = Nats::start_with(&settings).await.unwrap();
    let address = nats.url().trim_start_matches("nats://");
    are_broken(&all_at(address, false), &["events"], "isn't trusted").await;

    let postgres = Postgres::start_secured(&certificate, &key).await.unwrap();
    let url = format!("{}?sslmode=verify-full", postgres.new_database().unwrap());
    let setup = Setup::new().with("TROUPE__DATABASE__URL", url);
    are_broken(&setup, &["database"], "isn't trusted").await;
}

#[tokio::test]
async fn a_login_that_postgresql_refuses() {
    let (_, certificate, key) = certificate();
    let postgres = Postgres::start_secured(&certificate, &key).await.unwrap();
    let database = postgres.new_database().unwrap();
    let url = database.replacen("troupe@", "ann:hunter2@", 1);
    let setup = Setup::new().with("TROUPE__DATABASE__URL", url);
    are_broken(&setup, &["database"], "password authentication failed").await;
}
