//! What the doctor says.

mod unusable;

use serde_json::Value;
use testkit::scripted;
use testkit::servers::{Redis, S3};

use crate::platform::Setup;

async fn findings(setup: &Setup, args: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = setup.run(&[&["doctor", "--json"], args].concat()).await;
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap(),
    )
}

fn about<'a>(findings: &'a [Value], subject: &str) -> Vec<&'a Value> {
    findings
        .iter()
        .filter(|finding| finding["subject"] == subject)
        .collect()
}

/// Words of people have no capitals within.
pub(crate) fn shows_no_debug_text(text: &str) {
    const NAMES: [&str; 4] = ["PostgreSQL", "OpenAI", "JetStream", "gRPC"];
    let words = text.split(|c: char| !c.is_alphanumeric());
    for word in words.filter(|word| !NAMES.contains(word)) {
        let mut letters = word.chars().zip(word.chars().skip(1));
        let is_debug = letters.any(|(one, next)| one.is_lowercase() && next.is_uppercase());
        assert!(!is_debug, "{word} in {text}");
    }
    for sign in ["{", "(\"", "kind:", "::"] {
        assert!(!text.contains(sign), "{sign} in {text}");
    }
}

#[tokio::test]
async fn finds_a_fresh_machine_with_a_model_server_in_order() {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let setup = Setup::new().with("TROUPE__AI__OPENAI__BASE_URL", model.base_url());
    let (code, findings) = findings(&setup, &[]).await;
    assert_eq!(code, Some(0), "{findings:#?}");
    let server = about(&findings, "model server")[0];
    assert_eq!(server["state"], "good");
    assert!(
        server["text"].as_str().unwrap().contains("scripted"),
        "{server}"
    );
    assert_eq!(about(&findings, "database").len(), 3);
    assert!(
        about(&findings, "configuration")[0]["text"]
            .as_str()
            .unwrap()
            .contains("ai.openai.base_url")
    );
    assert!(!setup.data_dir().exists(), "looking changes nothing");
}

#[tokio::test]
async fn finds_the_running_platform() {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let setup = Setup::new().with("TROUPE__AI__OPENAI__BASE_URL", model.base_url());
    let platform = setup.start().await;
    let (code, findings) = findings(&setup, &[]).await;
    assert_eq!(code, Some(0), "{findings:#?}");
    let text = about(&findings, "platform")[0]["text"].as_str().unwrap();
    assert!(
        text.contains(platform.url()) && text.contains(&platform.pid().to_string()),
        "{text}"
    );
    assert!(text.contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(about(&findings, "health")[0]["state"], "good");
    assert!(
        about(&findings, "database")
            .iter()
            .all(|finding| finding["state"] == "good")
    );
}

#[tokio::test]
async fn says_what_is_broken_and_what_to_do() {
    let setup = Setup::new().with("TROUPE__AI__OPENAI__BASE_URL", "http://127.0.0.1:9/v1");
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap().to_string();
    std::fs::create_dir_all(setup.data_dir()).unwrap();
    std::fs::write(
        setup.data_dir().join("ai.sqlite"),
        "no database, whatever its name says",
    )
    .unwrap();
    let (code, findings) = findings(&setup, &["--listen", &address]).await;
    assert_eq!(code, Some(1));
    let broken: Vec<&Value> = findings
        .iter()
        .filter(|finding| finding["state"] == "broken")
        .collect();
    let subjects: Vec<&str> = broken
        .iter()
        .map(|finding| finding["subject"].as_str().unwrap())
        .collect();
    let expected = [
        "database",
        "events",
        "address",
        "model server",
        "embeddings",
    ];
    assert_eq!(subjects, expected);
    assert!(
        broken.iter().all(|finding| finding["advice"].is_string()),
        "{broken:#?}"
    );
}

#[tokio::test]
async fn says_that_the_configuration_is_wrong() {
    let setup = Setup::new().with("TROUPE__AI__LOCAL__SLOTTS", "1");
    let output = setup.run(&["doctor"]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("!! configuration") && text.contains("slotts"),
        "{text}"
    );
}

#[tokio::test]
async fn finds_redis_and_the_file_store_or_says_what_is_wrong() {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let (redis, store) = (
        Redis::start().await.unwrap(),
        S3::start(None).await.unwrap(),
    );
    let s3 = store.config();
    let setup = Setup::new()
        .with("TROUPE__AI__OPENAI__BASE_URL", model.base_url())
        .with("TROUPE__REDIS__URL", redis.url())
        .with("TROUPE__S3__BUCKET", &s3.bucket)
        .with("TROUPE__S3__ENDPOINT", &s3.endpoint)
        .with("TROUPE__S3__ACCESS_KEY_ID", &s3.access_key_id)
        .with(
            "TROUPE__S3__SECRET_ACCESS_KEY",
            s3.secret_access_key.reveal().unwrap(),
        );
    let (code, found) = findings(&setup, &[]).await;
    assert_eq!(code, Some(0), "{found:#?}");
    assert_eq!(about(&found, "file store")[0]["state"], "good");
    let text = about(&found, "Redis")[0]["text"].as_str().unwrap();
    assert!(text.contains("version"), "{text}");

    redis.daemon().unwrap().kill().unwrap();
    store.stop();
    let (code, found) = findings(&setup, &[]).await;
    assert_eq!(code, Some(1), "{found:#?}");
    for subject in ["Redis", "file store"] {
        let finding = about(&found, subject)[0];
        assert_eq!(finding["state"], "broken", "{finding}");
        assert!(finding["advice"].is_string(), "{finding}");
    }
}
