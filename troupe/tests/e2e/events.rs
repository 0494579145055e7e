//! What an operator sees of events.

use serde_json::{Value, json};
use testkit::servers::Nats;

use crate::cards::maren;
use crate::main_job::with_model;
use crate::person::Person;
use crate::platform::{Platform, Setup, eventually};

/// Long enough for several attempts to connect, which nobody is told of.
const SOME_TIME: std::time::Duration = std::time::Duration::from_secs(5);

/// How many events wait: to be sent, to be handled, or to be tried again; nothing where nobody can say.
pub(crate) async fn waiting(setup: &Setup) -> Option<u64> {
    let output = setup.run(&["events", "lag", "--json"]).await;
    let lag: Value = serde_json::from_slice(&output.stdout).ok()?;
    let sum = |list: &str, key: &str| -> u64 {
        let entries = lag[list].as_array().into_iter().flatten();
        entries.filter_map(|entry| entry[key].as_u64()).sum()
    };
    Some(
        sum("outboxes", "unsent")
            + sum("consumers", "pending")
            + sum("consumers", "unacknowledged")
            + lag["dead_letters"].as_u64()?,
    )
}

#[tokio::test]
async fn shows_an_empty_outbox_of_each_service_that_tells_and_no_dead_letters() {
    let setup = Setup::new();
    let fresh = setup.run(&["events", "lag", "--json"]).await;
    let fresh: Value = serde_json::from_slice(&fresh.stdout).unwrap();
    assert_eq!(fresh["outboxes"], json!([]));

    let platform = setup.start().await;
    let lag = setup.run(&["events", "lag", "--json"]).await;
    let lag: Value = serde_json::from_slice(&lag.stdout).unwrap();
    let outboxes = ["users", "ai", "roleplay"]
        .map(|service| json!({"service": service, "unsent": 0, "oldest_secs": null}));
    assert_eq!(lag["outboxes"], json!(outboxes));
    let letters = setup.run(&["events", "dead-letters", "list", "--json"]);
    assert_eq!(letters.await.stdout, b"[]\n");

    let unknown = "evt_01h2xcejqtf2nbrexx3vqjhp41";
    let replay = setup
        .run(&["events", "dead-letters", "replay", unknown])
        .await;
    assert!(!replay.status.success());
    assert!(String::from_utf8_lossy(&replay.stderr).contains(unknown));
    let all = setup.run(&["events", "dead-letters", "replay", "--all", "--json"]);
    let all: Value = serde_json::from_slice(&all.await.stdout).unwrap();
    assert_eq!(all, json!({"replayed": 0}));
    drop(platform);
}

#[tokio::test]
async fn tells_the_history_of_each_service_again_beside_a_platform_and_without_one() {
    let refused = Setup::new().run(&["events", "retell", "roleplay"]).await;
    let problem = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(problem.contains("start the platform first"), "{problem}");

    let (_model, setup, platform) = with_model().await;
    let retold = async |role: &str| {
        let output = setup.run(&["events", "retell", role, "--json"]).await;
        let answer: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        answer.and_then(|answer| answer["retold"].as_u64())
    };
    let ann = Person::register(&platform, "Ann").await;
    ann.open_session(maren()).await;
    assert_eq!(retold("users").await, Some(1));
    assert_eq!(retold("ai").await, Some(0));
    // The character, the session, and at least one greeting.
    let told = retold("roleplay").await;
    assert!(told >= Some(3), "{told:?}");
    let carried = async { while waiting(&setup).await != Some(0) {} };
    eventually("events are carried", carried).await;
    platform.ask_to_stop();
    platform.log_to_end().await;
    assert_eq!(retold("roleplay").await, told);

    let unknown = setup.run(&["events", "retell", "gateway"]).await;
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("possible values"));
}

/// The lines about the server of events and the way there.
fn about_nats(log: &str) -> Vec<&str> {
    let is_about = |line: &&str| {
        let words = ["NATS", "nats", "events wait", "events don't come"];
        words.iter().any(|word| line.contains(word))
    };
    log.lines().filter(is_about).collect()
}

async fn says(platform: &Platform, what: &str) {
    let said = async {
        while !platform.log().contains(what) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    eventually(what, said).await;
}

#[tokio::test]
async fn the_log_tells_once_of_each_change_of_the_connection_to_nats() {
    let nats = Nats::start(None).await.unwrap();
    let (_model, setup, _) = with_model().await;
    let setup = setup.with("TROUPE__NATS__URL", nats.url());
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    ann.open_session(maren()).await;
    let sent = async { while waiting(&setup).await != Some(0) {} };
    eventually("events arrive", sent).await;
    let log = platform.log();
    assert_eq!(about_nats(&log), [""; 0], "nothing is to be told");

    let daemon = nats.daemon().unwrap();
    daemon.kill().unwrap();
    says(&platform, "NATS can't be reached").await;
    ann.open_session(maren()).await;
    tokio::time::sleep(SOME_TIME).await;
    daemon.start().unwrap();
    says(&platform, "NATS is reached again").await;
    let sent = async { while waiting(&setup).await != Some(0) {} };
    eventually("events arrive", sent).await;
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    let told = about_nats(&log);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("nothing listens there"), "{told:#?}");
}

#[tokio::test]
async fn the_log_tells_once_that_nats_refuses_the_login() {
    let settings = r#"authorization { user: "ann", password: "right" }"#;
    let nats = Nats::start_with(settings).await.unwrap();
    let (_model, setup, _) = with_model().await;
    let setup = setup.with("TROUPE__NATS__URL", nats.url_as("ann:wrong"));
    let platform = setup.start().await;
    says(&platform, "NATS refuses the login").await;
    tokio::time::sleep(SOME_TIME).await;
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    let told = about_nats(&log);
    assert_eq!(told.len(), 1, "{told:#?}");
}
