//! Logins: NATS takes the right one, and a wrong one is named as such, without showing it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use platform::Clock;
use platform::config::ServerUrl;
use platform::reach::Unreached;
use serde_json::json;
use testkit::servers::Nats;
use troupe_events::{InspectError, Inspector, NatsConfig};

use crate::stage::{Place, Script};

/// `p@:/%#§=` and a space.
const PASSWORD: &str = "p%40%3A%2F%25%23%C2%A7=%20";
const USERS: &str = r#"authorization { users: [
    { user: "ann", password: "p@:/%#§= " }
    { user: "b@b", password: "another" }
] }"#;

fn nats(url: impl Into<String>) -> NatsConfig {
    NatsConfig {
        url: ServerUrl::new(url),
        ..NatsConfig::default()
    }
}

async fn look(config: &NatsConfig) -> Result<Inspector, InspectError> {
    Inspector::open(Vec::new(), config, Clock::system()).await
}

/// An address at which nobody listens.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Whether an event gets from an outbox to its consumer.
async fn carries(config: NatsConfig) {
    // Whoever came before may still be reading.
    let prefix = format!("test-{}", uuid::Uuid::now_v7());
    let place = Place::at(NatsConfig { prefix, ..config });
    let process = place.process(Script::willing()).await;
    process.tell("a", "a1").await;
    assert_eq!(process.until_ledger_has(1).await, ["a1"]);
}

#[tokio::test]
async fn nats_takes_the_user_and_password_of_the_address() {
    let server = Nats::start_with(USERS).await.unwrap();
    carries(nats(server.url_as(&format!("ann:{PASSWORD}")) + "/\n")).await;
    carries(nats(server.url_as("b%40b:another"))).await;
}

#[tokio::test]
async fn nats_takes_the_token_of_the_address() {
    let settings = r#"authorization { token: "t/k=n 1e5" }"#;
    let server = Nats::start_with(settings).await.unwrap();
    carries(nats(server.url_as("t%2Fk%3Dn%201e5"))).await;
}

#[tokio::test]
async fn each_of_several_addresses_has_its_own_login() {
    let server = Nats::start_with(USERS).await.unwrap();
    let other = Nats::start_with(r#"authorization { token: "word" }"#)
        .await
        .unwrap();
    let (dead, right) = (nowhere(), server.url_as("b%40b:another"));
    for url in [
        format!("nats://x:y@{dead},{right}"),
        format!("{right}, nats://x:y@{dead}"),
        // Whoever refuses stands in nobody's way.
        format!("{},{right}", server.url_as("ann:wrong")),
    ] {
        carries(nats(url)).await;
    }
    // Each in turn is the one that is left.
    let both = format!("{right},{}", other.url_as("word"));
    server.daemon().unwrap().kill().unwrap();
    look(&nats(&both)).await.unwrap();
    server.daemon().unwrap().start().unwrap();
    server.ready().await.unwrap();
    other.daemon().unwrap().kill().unwrap();
    look(&nats(&both)).await.unwrap();
}

#[tokio::test]
async fn nats_that_refuses_is_named_as_such() {
    let server = Nats::start_with(USERS).await.unwrap();
    for login in ["ann:hunter2", "hunter2", "nobody:hunter2", "ann:p@:hunter2"] {
        let refused = look(&nats(server.url_as(login))).await;
        let Err(InspectError::Refused(text)) = refused else {
            panic!("{login}: {refused:?}")
        };
        assert!(text.contains("nats.url"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(!format!("{:?}", nats(server.url_as(login))).contains("hunter2"));
    }
    assert!(matches!(
        look(&nats(server.url())).await,
        Err(InspectError::Refused(_))
    ));
    let away = look(&nats(format!("nats://ann:hunter2@{}", nowhere()))).await;
    assert!(
        matches!(away, Err(InspectError::Unreached(Unreached::Closed))),
        "{away:?}"
    );
}

/// A text that a key vouches for, as NATS has them.
fn signed(issuer: &KeyPair, subject: &KeyPair, nats: serde_json::Value) -> String {
    let claims = json!({
        "jti": "test", "iat": 1_700_000_000, "name": "test",
        "iss": issuer.public_key(), "sub": subject.public_key(), "nats": nats,
    });
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let text = [header, claims].map(|part| encode(part.to_string().as_bytes()));
    let text = text.join(".");
    let signature = encode(&issuer.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}

#[tokio::test]
async fn nats_takes_a_file_with_credentials() {
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let (system, user) = (KeyPair::new_account(), KeyPair::new_user());
    let unlimited = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let of_operator = signed(
        &operator,
        &operator,
        json!({"type": "operator", "version": 2}),
    );
    let an_account = json!({"type": "account", "version": 2, "limits": unlimited});
    let of_account = signed(&operator, &account, an_account);
    let of_system = signed(&operator, &system, json!({"type": "account", "version": 2}));
    let a_user = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1});
    let of_user = signed(&account, &user, a_user);
    let settings = format!(
        "operator: {of_operator}\nresolver: MEMORY\nsystem_account: {}\nresolver_preload: {{ {}: {of_account}\n{}: {of_system} }}",
        system.public_key(),
        account.public_key(),
        system.public_key(),
    );
    let server = Nats::start_with(&settings).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("user.creds");
    let seed = user.seed().unwrap();
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    std::fs::write(&file, text).unwrap();
    let with_file = |url: String| NatsConfig {
        credentials_file: Some(file.clone()),
        ..nats(url)
    };
    carries(with_file(server.url().to_owned())).await;
    let without = look(&nats(server.url())).await;
    assert!(
        matches!(without, Err(InspectError::Refused(_))),
        "{without:?}"
    );
    let both = look(&with_file(server.url_as("ann:hunter2"))).await;
    let error = both.unwrap_err().to_string();
    assert!(
        error.contains("credentials_file") && !error.contains("hunter2"),
        "{error}"
    );
    std::fs::remove_file(&file).unwrap();
    let error = look(&with_file(server.url().to_owned())).await.unwrap_err();
    assert!(error.to_string().contains("user.creds"), "{error}");
}
