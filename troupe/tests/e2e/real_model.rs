//! The main job once more, with the language model that runs in the process. Its weights are fetched by the product's
//! own code, into a folder that runs share.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::cards::maren;
use crate::person::{Person, Reply, number};
use crate::platform::{Setup, eventually, variable};

/// A platform's setup with the local model. Weights are big: they are kept beyond the test.
fn with_local_model() -> Setup {
    let kept = variable("TROUPE_TEST_MODELS").unwrap_or("/var/tmp/troupe-models".into());
    let kept = PathBuf::from(kept);
    std::fs::create_dir_all(&kept).unwrap();
    let setup = Setup::new()
        .with("TROUPE__AI__OPENAI__BASE_URL", "")
        .with("TROUPE__AI__EMBEDDINGS__MODEL", "local/all-minilm-l6-v2")
        .with("TROUPE__ROLEPLAY__MEMORY__ENABLED", "false");
    std::fs::create_dir_all(setup.data_dir()).unwrap();
    std::os::unix::fs::symlink(kept, setup.data_dir().join("models")).unwrap();
    setup
}

/// Waits until the model is fetched and loaded.
async fn model_is_there(person: &Person) {
    let is_there = async || {
        let models = person.get("/api/v1/ai/models").await;
        models["models"][0]["available"] == true
    };
    eventually("the model is there", async {
        while !is_there().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
}

fn state(reply: &Reply) -> &str {
    reply.ended["generation"]["state"].as_str().unwrap()
}

#[tokio::test]
async fn a_character_answers_by_the_local_model() {
    let setup = with_local_model();
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;

    model_is_there(&ann).await;

    // Streams, and is stored and counted.
    let mut first = ann
        .say(&session, "Good evening! What is the weather like?")
        .await;
    first.until(|text| !text.is_empty()).await;
    let first = first.at_end().await;
    assert_eq!(
        state(&first),
        "GENERATION_STATE_COMPLETED",
        "{}",
        first.ended
    );
    assert!(!first.text.trim().is_empty());
    let stored = ann.messages(&session).await;
    assert_eq!(stored.last().unwrap()["id"], first.message_id());
    assert_eq!(
        stored.last().unwrap()["text"],
        first.ended["message"]["text"]
    );
    let usage = ann.usage().await;
    assert_eq!(usage.len(), 1);
    assert!(
        number(&usage[0]["usage"]["promptTokens"]) > 500
            && number(&usage[0]["usage"]["completionTokens"]) > 0
    );

    // Can be swiped: the prompt is the same, so that the model has most of it from before.
    let second = ann
        .again(&session, first.message_id(), "regenerate")
        .await
        .at_end()
        .await;
    assert_eq!(state(&second), "GENERATION_STATE_COMPLETED");
    assert_eq!(number(&second.ended["message"]["swipeCount"]), 2);
    let usage = ann.usage().await;
    assert!(
        number(&usage[0]["usage"]["cachedTokens"]) > 400,
        "{usage:#?}"
    );

    // Can be continued.
    let before = second.ended["message"]["text"].as_str().unwrap();
    let more = ann
        .again(&session, second.message_id(), "continue")
        .await
        .at_end()
        .await;
    let after = more.ended["message"]["text"].as_str().unwrap();
    assert!(after.starts_with(before), "{before:?} {after:?}");
    assert_eq!(ann.usage().await.len(), 3);

    // Can be left and taken up again, each byte once.
    let mut left = ann
        .say(&session, "Tell me about the night the ship went down.")
        .await;
    left.until(|text| !text.is_empty()).await;
    let (generation, seen) = (left.generation_id().to_owned(), left.text.clone());
    let offset = left.next_offset;
    drop(left);
    let rest = ann.watch_from(&generation, offset).await.at_end().await;
    let whole = ann.watch_from(&generation, 0).await.at_end().await;
    assert_eq!(format!("{seen}{}", rest.text), whole.text);
    assert_eq!(whole.ended["generation"]["text"], whole.text.as_str());

    // Can be cancelled, and finds what it had again after a restart.
    let settings = json!({"settings": {"maxTokens": 2000}});
    ann.ok(Method::PATCH, &session, settings).await;
    let mut endless = ann
        .say(
            &session,
            "Go on, tell me everything, from the very beginning.",
        )
        .await;
    endless.until(|text| !text.is_empty()).await;
    ann.cancel(endless.generation_id()).await;
    let endless = endless.at_end().await;
    assert_eq!(state(&endless), "GENERATION_STATE_CANCELLED");
    platform.kill().await;

    let platform = setup.start().await;
    let last = ann.at(&platform).messages(&session).await.pop().unwrap();
    assert_eq!(last["text"], endless.ended["message"]["text"]);
    assert_eq!(last["state"], "MESSAGE_STATE_CANCELLED");
    assert_eq!(platform.stop().await.code(), Some(0));
}
