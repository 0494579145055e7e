//! What an operator sees of events.

use serde_json::{Value, json};

use crate::platform::Setup;

#[tokio::test]
async fn shows_an_empty_outbox_of_each_service_that_tells_and_no_dead_letters() {
    let setup = Setup::new();
    let fresh = setup.run(&["events", "lag", "--json"]).await;
    let fresh: Value = serde_json::from_slice(&fresh.stdout).unwrap();
    assert_eq!(fresh["outboxes"], json!([]));

    let platform = setup.start().await;
    let lag = setup.run(&["events", "lag", "--json"]).await;
    let lag: Value = serde_json::from_slice(&lag.stdout).unwrap();
    let outbox = json!({"service": "roleplay", "unsent": 0, "oldest_secs": null});
    assert_eq!(lag["outboxes"], json!([outbox]));
    let letters = setup.run(&["events", "dead-letters", "list", "--json"]);
    assert_eq!(letters.await.stdout, b"[]\n");

    let unknown = "evt_01h2xcejqtf2nbrexx3vqjhp41";
    let replay = setup.run(&["events", "dead-letters", "replay", unknown]);
    let replay = replay.await;
    assert!(!replay.status.success());
    assert!(String::from_utf8_lossy(&replay.stderr).contains(unknown));
    let all = setup.run(&["events", "dead-letters", "replay", "--all", "--json"]);
    let all: Value = serde_json::from_slice(&all.await.stdout).unwrap();
    assert_eq!(all, json!({"replayed": 0}));
    drop(platform);
}
