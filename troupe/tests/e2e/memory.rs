//! What sessions remember, and how an operator makes its vectors anew.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::scripted::Reply;

use crate::cards::maren;
use crate::main_job::with_model;
use crate::person::Person;
use crate::platform::{Setup, eventually};

const REPLY: &str = "The red boat lies in the northern cave.";

/// What `troupe memory` says.
async fn counts(setup: &Setup, task: &str) -> Value {
    let output = setup.run(&["memory", task, "--json"]).await;
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problem}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn remembers_across_restarts_and_makes_lost_vectors_anew() {
    let (model, setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words(REPLY));
    ann.say(&session, "Where is the boat?").await.at_end().await;
    let memories = format!("{session}/memories");
    let all_embedded = async {
        loop {
            let listed = ann.get(&memories).await;
            let listed = listed["memories"].as_array().cloned().unwrap_or_default();
            let has_reply = listed
                .first()
                .and_then(|memory| memory["text"].as_str())
                .is_some_and(|text| text.ends_with(REPLY));
            if has_reply && listed.iter().all(|memory| memory["embedded"] == true) {
                return listed;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let listed = eventually("the messages are remembered", all_embedded).await;

    let refused = setup.run(&["memory", "rebuild"]).await;
    assert!(!refused.status.success(), "the platform runs");
    let before = counts(&setup, "status").await;
    assert_eq!(before["agree"], true, "{before}");
    assert_eq!(before["memories"], listed.len());
    assert!(platform.stop().await.success());

    for file in std::fs::read_dir(setup.data_dir()).unwrap() {
        let file = file.unwrap().path();
        if file.to_string_lossy().contains("vectors.sqlite") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let lost = counts(&setup, "status").await;
    assert_eq!(
        (&lost["vectors"], &lost["agree"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(counts(&setup, "rebuild").await, before);

    let platform = setup.start().await;
    let ann = ann.at(&platform);
    let search = format!("{memories}:search");
    let found = ann.ok(
        reqwest::Method::POST,
        &search,
        json!({"text": "the northern cave"}),
    );
    let nearest = &found.await["matches"][0]["memory"];
    assert_eq!(nearest["id"], listed[0]["id"]);
}
