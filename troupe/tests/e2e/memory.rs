//! What sessions remember, and how an operator makes its vectors anew.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::scripted::{Handle, Reply};

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

/// Has a person say something, and waits until it and the reply are remembered: the address of the memories, and them.
async fn remembered(model: &Handle, ann: &Person) -> (String, Vec<Value>) {
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
    (memories, listed)
}

#[tokio::test]
async fn remembers_across_restarts_and_makes_lost_vectors_anew() {
    let (model, setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let (memories, listed) = remembered(&model, &ann).await;

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
        json!({"query": "the northern cave"}),
    );
    let nearest = &found.await["results"][0]["memory"];
    assert_eq!(nearest["id"], listed[0]["id"]);
}

/// A folder whose platform was killed once messages were remembered.
async fn killed() -> (Handle, Setup) {
    let (model, setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    remembered(&model, &ann).await;
    platform.kill().await;
    (model, setup)
}

/// What there is of a file of vectors.
fn vectors(setup: &Setup, suffix: &str) -> PathBuf {
    let name = format!("roleplay-memory.vectors.sqlite{suffix}");
    setup.data_dir().join(name)
}

#[tokio::test]
async fn a_clean_stop_folds_in_vectors_of_a_process_that_was_killed() {
    let (_model, setup) = killed().await;
    let companions = ["-wal", "-shm"].map(|suffix| vectors(&setup, suffix));
    assert!(companions[0].exists());
    assert!(setup.start().await.stop().await.success());
    for companion in companions {
        assert!(!companion.exists(), "{companion:?}");
    }
    let whole = counts(&setup, "status").await;
    assert_eq!(whole["agree"], true, "{whole}");
    assert!(
        !vectors(&setup, "-wal").exists(),
        "nor does counting leave one"
    );
}

#[tokio::test]
async fn a_lost_file_of_vectors_is_named_until_it_is_made_anew() {
    let (_model, setup) = killed().await;
    assert!(setup.start().await.stop().await.success());
    let file = vectors(&setup, "");
    std::fs::remove_file(&file).unwrap();
    let output = setup.run(&["doctor"]).await;
    let says = String::from_utf8_lossy(&output.stdout).into_owned();
    let missing = format!("{} is missing", file.display());
    assert!(
        says.contains(&missing) && says.contains("troupe memory rebuild"),
        "{says}"
    );
    let platform = setup.start().await;
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    let told = log
        .lines()
        .find(|line| line.contains("a file of vectors is missing"));
    let told = told.unwrap_or_else(|| panic!("{log}"));
    assert!(
        told.contains("\"WARN\"") && told.contains("troupe memory rebuild"),
        "{told}"
    );
    counts(&setup, "rebuild").await;
    let output = setup.run(&["doctor"]).await;
    assert!(!String::from_utf8_lossy(&output.stdout).contains("is missing"));
}

/// What the doctor says of vectors.
async fn diagnosed(setup: &Setup) -> Vec<Value> {
    let output = setup.run(&["doctor", "--json"]).await;
    let mut findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    findings.retain(|finding| finding["subject"] == "vectors");
    findings
}

#[tokio::test]
async fn vectors_that_were_copied_without_their_log_are_named_and_made_anew() {
    const ADVICE: &str = "troupe memory rebuild";
    let (_model, setup) = killed().await;
    for suffix in ["-wal", "-shm"] {
        std::fs::remove_file(vectors(&setup, suffix)).unwrap();
    }
    let file = vectors(&setup, "").display().to_string();
    let found = diagnosed(&setup).await;
    let (text, advice) = (&found[0]["text"], &found[0]["advice"]);
    assert_eq!(found[0]["state"], "broken", "{found:?}");
    assert!(text.as_str().unwrap().contains(&file), "{text}");
    assert!(advice.as_str().unwrap().contains(ADVICE), "{advice}");
    let backup = setup.path("backup");
    let made = setup.run(&["backup", backup.to_str().unwrap()]).await;
    assert!(made.status.success() && backup.join("roleplay.sqlite").exists());
    let copy = backup.join("roleplay-memory.vectors.sqlite");
    assert!(!copy.exists(), "a restore couldn't tell what it lacks");

    let warnings = async || {
        let platform = setup.start().await;
        platform.ask_to_stop();
        let log = platform.log_to_end().await;
        let lines = log.lines().map(str::to_owned);
        Vec::from_iter(lines.filter(|line| line.contains("\"WARN\"") && line.contains(&file)))
    };
    let [told] = <[_; 1]>::try_from(warnings().await).unwrap();
    assert!(told.contains(ADVICE), "{told}");
    let found = diagnosed(&setup).await;
    assert!(found[0]["advice"].as_str().unwrap().contains(ADVICE));
    assert_eq!(counts(&setup, "rebuild").await["agree"], true);
    assert!(!vectors(&setup, "-wal").exists());
    assert_eq!(warnings().await, [] as [String; 0]);
}
