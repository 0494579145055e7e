//! Logins that servers refuse, certificates that nobody vouches for, and a store without keys: the doctor and the log say
//! what to correct, and show nothing secret.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use serde_json::Value;
use testkit::scripted;
use testkit::servers::{Nats, Postgres, Redis, S3};
use tonic::service::InterceptorLayer;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::doctor::shows_no_debug_text;
use crate::platform::{Setup, eventually};

/// What no line may show.
const SECRET: &str = "hunter2";

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

/// The text and the advice of what the doctor finds about something.
async fn found(setup: &Setup, subject: &str) -> String {
    let output = setup.run(&["doctor", "--json"]).await;
    let all = text(&output);
    assert!(!all.contains(SECRET), "{all}");
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let finding = findings
        .iter()
        .find(|finding| finding["subject"] == subject);
    let finding = finding.unwrap_or_else(|| panic!("nothing about {subject}: {all}"));
    format!(
        "{} {} -> {}",
        finding["state"], finding["text"], finding["advice"]
    )
}

/// A server that counts who comes, and answers each with the same.
pub(crate) fn answering(answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, count) = (
        listener.local_addr().unwrap(),
        Arc::new(AtomicUsize::new(0)),
    );
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else {
                return;
            };
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _whatever = connection.read(&mut request);
            let _gone = connection.write_all(answer.as_bytes());
        }
    });
    (address, count)
}

const UNAUTHORIZED: &str =
    "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The address of a server that lets nobody call anything by gRPC, as Qdrant does with a wrong key.
pub(crate) async fn refusing_qdrant() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let refuse = |_| Err::<Request<()>, _>(Status::unauthenticated("hunter2 is wrong"));
    let server = tonic::transport::Server::builder()
        .layer(InterceptorLayer::new(refuse))
        .add_service(TraceServiceServer::new(Closed))
        .serve_with_incoming(TcpIncoming::from(listener));
    drop(platform::Tasks::new().spawn(async move { server.await.unwrap() }));
    format!("http://{address}")
}

/// Servers that refuse what the configuration presents to them.
struct Refusing {
    setup: Setup,
    _nats: Nats,
    _redis: Redis,
    _store: S3,
}

async fn refusing() -> Refusing {
    let nats = r#"authorization { user: "ann", password: "right" }"#;
    let nats = Nats::start_with(nats).await.unwrap();
    let redis = Redis::start_with(&["--requirepass", "right"])
        .await
        .unwrap();
    let store = S3::start(None).await.unwrap();
    let (model, _) = answering(UNAUTHORIZED);
    let qdrant = refusing_qdrant().await;
    let s3 = store.config();
    let redis_url = redis.url().replacen("://", "://:hunter2@", 1);
    let setup = Setup::new()
        .with("TROUPE__NATS__URL", nats.url_as("ann:hunter2"))
        .with("TROUPE__REDIS__URL", redis_url)
        .with("TROUPE__S3__BUCKET", &s3.bucket)
        .with("TROUPE__S3__ENDPOINT", &s3.endpoint)
        .with("TROUPE__S3__ACCESS_KEY_ID", &s3.access_key_id)
        .with("TROUPE__S3__SECRET_ACCESS_KEY", SECRET)
        .with("TROUPE__QDRANT__URL", qdrant)
        .with("TROUPE__QDRANT__API_KEY", SECRET)
        .with("TROUPE__AI__OPENAI__BASE_URL", format!("http://{model}/v1"))
        .with("TROUPE__AI__OPENAI__API_KEY", SECRET);
    Refusing {
        setup,
        _nats: nats,
        _redis: redis,
        _store: store,
    }
}

#[tokio::test]
async fn the_doctor_names_each_login_that_is_refused() {
    let Refusing { setup, .. } = &refusing().await;
    for (subject, setting) in [
        ("events", "TROUPE__NATS__URL"),
        ("Redis", "TROUPE__REDIS__URL"),
        ("file store", "TROUPE__S3__SECRET_ACCESS_KEY"),
        ("qdrant", "TROUPE__QDRANT__API_KEY"),
        ("model server", "TROUPE__AI__OPENAI__API_KEY"),
        ("embeddings", "TROUPE__AI__OPENAI__API_KEY"),
    ] {
        let finding = found(setup, subject).await;
        assert!(finding.contains("broken"), "{finding}");
        assert!(finding.contains("refuses"), "{finding}");
        assert!(
            finding.contains("correct") && finding.contains(setting),
            "{finding}"
        );
        assert!(!finding.contains("start it"), "{finding}");
        shows_no_debug_text(&finding);
    }
}

#[tokio::test]
async fn the_log_names_each_login_that_is_refused() {
    let Refusing { setup, .. } = &refusing().await;
    let platform = setup.start().await;
    for sentence in [
        "NATS refuses the login",
        "Redis refuses the user and password",
        "the file store refuses the keys",
        "Qdrant refuses the key",
        "the model server refuses the key",
    ] {
        let said = async {
            while !platform.log().contains(sentence) {
                tokio::task::yield_now().await;
            }
        };
        eventually(sentence, said).await;
    }
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    assert!(!log.contains(SECRET), "{log}");
}

/// A certificate for this machine, of an authority of its own.
pub(crate) fn certificate() -> (String, String, String) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let server = rcgen::CertificateParams::new(names).unwrap();
    let server = server.signed_by(&key, &issuer).unwrap().pem();
    (root, server, key.serialize_pem())
}

#[tokio::test]
async fn postgresql_believes_whom_the_system_believes_and_names_a_wrong_password() {
    let (root, certificate, key) = certificate();
    let server = Postgres::start_secured(&certificate, &key).await.unwrap();
    let database = server.new_database().unwrap();
    let login = |password: &str| {
        let login = format!("ann:{password}@");
        let database = database.replacen("troupe@", &login, 1);
        format!("{database}?sslmode=verify-full")
    };
    let right = login("p%40%3A%2F%25%23");
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, root).unwrap();
    let roots = roots.to_string_lossy().into_owned();
    let believing = |url: &str| {
        Setup::new()
            .with("TROUPE__DATABASE__URL", url)
            .with("SSL_CERT_FILE", &roots)
    };

    // A new line at the end, as a Kubernetes secret may have.
    let reached = found_database(&believing(&format!("{right}\n"))).await;
    assert!(reached.contains("no tables yet"), "{reached}");
    let migrated = believing(&right).run(&["migrate"]).await;
    assert!(migrated.status.success(), "{}", text(&migrated));

    let unknown = Setup::new().with("TROUPE__DATABASE__URL", &right);
    let refused = found_database(&unknown).await;
    assert!(
        refused.contains("isn't trusted") && refused.contains("SSL_CERT_FILE"),
        "{refused}"
    );
    assert!(!refused.contains("start PostgreSQL"), "{refused}");
    let started = unknown.run(&["up"]).await;
    assert!(!started.status.success());
    assert!(
        text(&started).contains("isn't trusted"),
        "{}",
        text(&started)
    );
    let named = format!("{right}&sslrootcert={roots}");
    let reached = found_database(&Setup::new().with("TROUPE__DATABASE__URL", named)).await;
    assert!(reached.contains("good"), "{reached}");

    let wrong = believing(&login(SECRET));
    let refused = found_database(&wrong).await;
    assert!(
        refused.contains("refuses") && refused.contains("password"),
        "{refused}"
    );
    assert!(refused.contains("correct database.url"), "{refused}");
    let started = wrong.run(&["up"]).await;
    assert!(!started.status.success());
    let said = text(&started);
    assert!(
        said.contains("password") && said.contains("database.url"),
        "{said}"
    );
    assert!(!said.contains(SECRET), "{said}");
}

async fn found_database(setup: &Setup) -> String {
    let output = setup.run(&["doctor", "--json"]).await;
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let mut databases = findings
        .iter()
        .filter(|found| found["subject"] == "database");
    let finding = databases.next().unwrap();
    assert!(!text(&output).contains(SECRET), "{}", text(&output));
    format!(
        "{} {} -> {}",
        finding["state"], finding["text"], finding["advice"]
    )
}

#[tokio::test]
async fn a_bucket_without_keys_is_refused_and_nobody_is_asked_for_some() {
    let not_found = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (metadata, asked) = answering(not_found);
    let store = S3::start(None).await.unwrap();
    let (config, metadata) = (store.config(), format!("http://{metadata}"));
    let with = |further: &[(&str, &str)]| {
        let setup = Setup::new()
            .with("TROUPE__S3__BUCKET", &config.bucket)
            .with("TROUPE__S3__ENDPOINT", &config.endpoint)
            .with("AWS_METADATA_ENDPOINT", &metadata)
            .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &metadata)
            .with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/dev/null");
        let further = further.iter();
        further.fold(setup, |setup, (name, value)| setup.with(name, *value))
    };
    let without = with(&[]);
    let started = without.run(&["up"]).await;
    assert!(!started.status.success(), "{}", text(&started));
    for setting in ["s3.access_key_id", "s3.secret_access_key", "s3.credentials"] {
        assert!(text(&started).contains(setting), "{}", text(&started));
    }
    let finding = found(&without, "file store").await;
    assert!(finding.contains("TROUPE__S3__ACCESS_KEY_ID"), "{finding}");

    let half = with(&[("TROUPE__S3__ACCESS_KEY_ID", "somebody")]);
    let finding = found(&half, "file store").await;
    assert!(finding.contains("s3.secret_access_key"), "{finding}");
    let anonymous = with(&[("TROUPE__S3__CREDENTIALS", "anonymous")]);
    let finding = found(&anonymous, "file store").await;
    assert!(finding.contains("refuses"), "{finding}");
    let secret = config.secret_access_key.reveal().unwrap();
    let by_variables = with(&[
        ("AWS_ACCESS_KEY_ID", &config.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ]);
    let finding = found(&by_variables, "file store").await;
    assert!(finding.contains("good"), "{finding}");
    let elsewhere = with(&[
        ("TROUPE__S3__BUCKET", "another"),
        ("AWS_ACCESS_KEY_ID", &config.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ]);
    let finding = found(&elsewhere, "file store").await;
    assert!(finding.contains("has no bucket another"), "{finding}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);

    // The same address is asked where that is configured.
    let machine = with(&[("TROUPE__S3__CREDENTIALS", "machine")]);
    let finding = found(&machine, "file store").await;
    assert!(finding.contains("broken"), "{finding}");
    assert!(
        finding.contains("this machine gives no credentials"),
        "{finding}"
    );
    assert!(asked.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn a_setting_that_can_not_be_read_is_named_without_its_value() {
    for (name, value, says) in [
        (
            "TROUPE__GATEWAY__LISTEN",
            "hunter2",
            "TROUPE__GATEWAY__LISTEN",
        ),
        ("TROUPE__NATS__URL", "nats://ann:hunter2/x@host", "nats.url"),
        (
            "TROUPE__DATABASE__URL",
            "postgres://ann:hunter2#x@host/db",
            "database.url",
        ),
        (
            "TROUPE__REDIS__URL",
            "redis://ann:hunter2?x@host",
            "redis.url",
        ),
        (
            "TROUPE_NATS_URL",
            "nats://ann:hunter2@host",
            "TROUPE__NATS__URL",
        ),
        (
            "TROUPE__NATS_URL",
            "nats://ann:hunter2@host",
            "TROUPE__NATS__URL",
        ),
    ] {
        let setup = Setup::new().with(name, value);
        for arguments in [["up"], ["doctor"]] {
            let output = setup.run(&arguments).await;
            let said = text(&output);
            assert!(!output.status.success(), "{said}");
            assert!(said.contains(says) && !said.contains(SECRET), "{said}");
        }
    }
}

#[tokio::test]
async fn an_address_that_can_not_be_decoded_is_refused_at_the_start() {
    for (setting, address) in [
        ("database.url", "postgres://ann:hunter2%zz@host/db"),
        ("redis.url", "redis://ann:hunter2%zz@host"),
        ("nats.url", "nats://host:1,nats://ann:hunter2%@host"),
        ("nats.url", "nats://ann:hunter2%ff@host"),
        ("qdrant.url", "http://ann:hunter2%zz@host"),
        ("s3.endpoint", "http://ann:hunter2%z@host"),
        ("telemetry.otlp", "http://ann:hunter2%zz@host"),
        ("ai.openai.base_url", "http://ann:hunter2%zz@host/v1"),
        ("ai.local.url", "http://ann:hunter2%zz@host"),
        ("ai.embeddings.url", "http://ann:hunter2%zz@host"),
        ("gateway.upstreams", "a.B=http://ann:hunter2%zz@host"),
    ] {
        let name = format!("TROUPE__{}", setting.replace('.', "__").to_uppercase());
        let setup = Setup::new().with(&name, address);
        for arguments in [["up"], ["doctor"]] {
            let output = setup.run(&arguments).await;
            let said = text(&output);
            assert!(!output.status.success(), "{setting}: {said}");
            assert!(
                said.contains(&format!("configuration: {setting}")),
                "{said}"
            );
            assert!(said.contains('%') && !said.contains(SECRET), "{said}");
        }
    }
}

#[tokio::test]
async fn keys_of_model_servers_show_nowhere() {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap());
    let model = model.await.unwrap();
    model.refuse_models(401);
    let setup = Setup::new()
        .with("TROUPE__AI__SERVERS__HOME__KIND", "ollama")
        .with("TROUPE__AI__SERVERS__HOME__BASE_URL", model.root_url())
        .with("TROUPE__AI__SERVERS__HOME__KEYS", "hunter2,hunter2-too")
        .with("TROUPE__AI__DEFAULT_MODEL", "home/mira");
    // The server that all tests have is down, and comes first.
    let said = text(&setup.run(&["doctor", "--json"]).await);
    assert!(!said.contains(SECRET), "{said}");
    assert!(said.contains("with key 1 of 2 refuses the key"), "{said}");
    assert!(
        said.contains("TROUPE__AI__SERVERS__HOME__API_KEY"),
        "{said}"
    );
    let platform = setup.start().await;
    let said = async {
        while !platform.log().contains("refuses the key") {
            let call = reqwest::get(format!("{}/healthz", platform.url())).await;
            call.unwrap();
        }
    };
    eventually("the log says that the keys are refused", said).await;
    assert!(!platform.log().contains(SECRET), "{}", platform.log());
}

/// A collector that takes nothing from anybody.
#[derive(Clone)]
struct Closed;

#[tonic::async_trait]
impl TraceService for Closed {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Err(Status::unauthenticated("hunter2 is wrong"))
    }
}

#[tokio::test]
async fn the_log_names_a_collector_that_refuses_the_login() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(Closed))
        .serve_with_incoming(TcpIncoming::from(listener));
    let serving = platform::Tasks::new().spawn(async move { server.await.unwrap() });
    let setup = Setup::new()
        .with("TROUPE__TELEMETRY__OTLP", format!(" http://{address}/\n"))
        .with("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2")
        .with("OTEL_BSP_SCHEDULE_DELAY", "50");
    let platform = setup.start().await;
    let said = async {
        while !platform.log().contains("Unauthenticated") {
            // Each call leaves spans.
            let call = reqwest::get(format!("{}/api/v1/users/me", platform.url())).await;
            assert_eq!(call.unwrap().status(), 401);
        }
    };
    eventually("the log names the collector", said).await;
    assert!(platform.log().contains("OTEL_EXPORTER_OTLP_HEADERS"));
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    assert!(!log.contains(SECRET), "{log}");
    serving.abort();
}
