//! The main job by JSON, with a scripted model: register, import a card, open a session, send a message, watch the
//! reply stream in, and what one does with a reply.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::scripted::{self, Handle, Reply};

use crate::cards::{example, maren};
use crate::person::{Person, number};
use crate::platform::{Platform, Setup, eventually};

/// A platform whose model says what the test wants.
pub(crate) async fn with_model() -> (Handle, Setup, Platform) {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let setup = Setup::new().with("TROUPE__AI__OPENAI__BASE_URL", model.base_url());
    let platform = setup.start().await;
    (model, setup, platform)
}

#[tokio::test]
async fn streams_a_reply_keeps_it_and_counts_it() {
    let (model, _setup, platform) = with_model().await;
    does_the_main_job(&model, &platform).await;
}

/// From an account to a reply that was streamed, kept and counted.
pub(crate) async fn does_the_main_job(model: &Handle, platform: &Platform) {
    let ann = Person::register(platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    assert_eq!(ann.messages(&session).await.len(), 1, "the greeting");

    model.push(Reply::words("The lamp turns above you. Sit down.").cached(3));
    let reply = ann.say(&session, "Good evening!").await.at_end().await;
    assert_eq!(reply.text, "The lamp turns above you. Sit down.");
    assert_eq!(reply.ended["message"]["text"], reply.text.as_str());
    assert_eq!(
        reply.ended["generation"]["state"],
        "GENERATION_STATE_COMPLETED"
    );

    let messages = ann.messages(&session).await;
    let texts: Vec<&str> = messages[1..]
        .iter()
        .map(|message| message["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["Good evening!", &reply.text]);
    assert_eq!(messages[2]["state"], "MESSAGE_STATE_COMPLETE");

    let usage = ann.usage().await;
    assert_eq!(usage.len(), 1);
    assert_eq!(usage[0]["generationId"], reply.generation_id());
    assert_eq!(number(&usage[0]["usage"]["completionTokens"]), 7);
    assert_eq!(number(&usage[0]["usage"]["cachedTokens"]), 3);
    assert!(
        number(&usage[0]["usage"]["promptTokens"]) > 100,
        "the card is in the prompt"
    );
}

#[tokio::test]
async fn shows_text_as_soon_as_the_model_gives_it() {
    let (model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("One two three").hold_after(2));
    let mut reply = ann.say(&session, "Count.").await;
    reply.until(|text| text == "One two").await;
    model.release();
    assert_eq!(reply.at_end().await.text, "One two three");
}

#[tokio::test]
async fn swipes_keep_what_was_written_before() {
    let (model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("The first reply."));
    model.push(Reply::words("The second reply."));
    let first = ann.say(&session, "Hello.").await.at_end().await;
    let second = ann
        .again(&session, first.message_id(), "regenerate")
        .await
        .at_end()
        .await;
    assert_eq!(second.text, "The second reply.");
    let swipe = &second.ended["message"];
    assert_eq!(
        (number(&swipe["swipeIndex"]), number(&swipe["swipeCount"])),
        (1, 2)
    );

    let back = format!("{session}/messages/{}:select", first.message_id());
    let selected = ann.ok(Method::POST, &back, json!({})).await;
    assert_eq!(selected["text"], "The first reply.");
    let messages = ann.messages(&session).await;
    assert_eq!(messages.last().unwrap()["text"], "The first reply.");
    let swipes = ann
        .get(&format!("{session}/messages/{}/swipes", first.message_id()))
        .await;
    assert_eq!(swipes["messages"].as_array().unwrap().len(), 2);
    assert_eq!(ann.usage().await.len(), 2, "each is counted once");
}

#[tokio::test]
async fn goes_on_with_a_reply_where_it_ended() {
    let (model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("She smiles and").finish("length"));
    model.push(Reply::tokens([" says", " nothing."]));
    let first = ann.say(&session, "Hello.").await.at_end().await;
    assert_eq!(
        first.ended["generation"]["finishReason"],
        "FINISH_REASON_LENGTH"
    );
    let more = ann
        .again(&session, first.message_id(), "continue")
        .await
        .at_end()
        .await;
    assert_eq!(more.text, " says nothing.");
    assert_eq!(
        more.ended["message"]["text"],
        "She smiles and says nothing."
    );
    assert_eq!(
        ann.messages(&session).await.last().unwrap()["text"],
        "She smiles and says nothing."
    );
}

#[tokio::test]
async fn cancelling_stops_the_model_and_keeps_the_text() {
    let (model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("Once upon a time").hold_after(2));
    let mut reply = ann.say(&session, "Tell me a story.").await;
    reply.until(|text| text == "Once upon").await;
    ann.cancel(reply.generation_id()).await;
    let reply = reply.at_end().await;
    eventually("the model loses its client", model.abandoned(1)).await;
    assert_eq!(
        reply.ended["generation"]["state"],
        "GENERATION_STATE_CANCELLED"
    );
    let last = ann.messages(&session).await.pop().unwrap();
    assert_eq!(last["text"], "Once upon");
    assert_eq!(last["state"], "MESSAGE_STATE_CANCELLED");
}

#[tokio::test]
async fn a_reply_goes_on_without_its_client_and_is_taken_up_from_any_offset() {
    let (model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("Wörter für die Nacht.").hold_after(2));
    let mut reply = ann.say(&session, "Sprich!").await;
    reply.until(|text| text == "Wörter für").await;
    let (generation_id, offset) = (reply.generation_id().to_owned(), reply.next_offset);
    drop(reply);

    let mut from_start = ann.watch_from(&generation_id, 0).await;
    from_start.until(|text| text == "Wörter für").await;
    let from_offset = ann.watch_from(&generation_id, offset).await;
    model.release();
    assert_eq!(from_offset.at_end().await.text, " die Nacht.");
    assert_eq!(from_start.at_end().await.text, "Wörter für die Nacht.");
    let ended = ann.watch_from(&generation_id, 0).await.at_end().await;
    assert_eq!(
        ended.text, "Wörter für die Nacht.",
        "an ended one can be watched too"
    );
    assert_eq!(ann.usage().await.len(), 1);
}

#[tokio::test]
async fn a_message_sent_twice_is_answered_once() {
    let (model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("Only once."));
    let path = format!("{session}/messages");
    let body = json!({"text": "Hello?", "requestId": "a client's own id"});
    let generation = async |body: &Value| {
        let request = ann.request(Method::POST, &path).json(body);
        let request = request.header("accept", "application/json");
        let events: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(
            events.as_array().unwrap().last().unwrap()["ended"]["message"]["text"],
            "Only once."
        );
        events[0]["started"]["generation"]["id"].clone()
    };
    assert_eq!(generation(&body).await, generation(&body).await);
    assert_eq!(model.received().len(), 1);
    assert_eq!(ann.messages(&session).await.len(), 3);
}

#[tokio::test]
async fn every_example_card_talks() {
    let (model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    for card in [
        "maren.png",
        "maren.v3.json",
        "quill.png",
        "quill.v2.json",
        "tamsin.v1.json",
    ] {
        let session = ann.open_session(example(card)).await;
        model.push(Reply::words("Hm."));
        assert_eq!(
            ann.say(&session, "Hello.").await.at_end().await.text,
            "Hm.",
            "{card}"
        );
    }
}

#[tokio::test]
async fn shows_the_prompt_with_where_each_part_comes_from() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    let prompt = ann.get(&format!("{session}/prompt")).await;
    let spans = prompt["receipt"]["spans"].as_array().unwrap();
    let tokens: i64 = spans.iter().map(|span| number(&span["tokenCount"])).sum();
    assert!(tokens > 0 && tokens <= number(&prompt["receipt"]["tokenCount"]));
    assert!(
        spans.iter().any(|span| span["source"] == "description"),
        "{spans:#?}"
    );
    assert!(!prompt["receipt"]["lore"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_failed_model_says_why_and_can_be_tried_again() {
    let (model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::status(401, json!({"error": {"message": "bad key"}})));
    let failed = ann.say(&session, "Hello.").await.at_end().await;
    assert_eq!(
        failed.ended["generation"]["state"],
        "GENERATION_STATE_FAILED"
    );
    assert_eq!(
        failed.ended["generation"]["error"]["reason"],
        "PROVIDER_ACCOUNT"
    );
    model.push(Reply::words("Now it works."));
    let again = ann
        .again(&session, failed.message_id(), "regenerate")
        .await
        .at_end()
        .await;
    assert_eq!(again.text, "Now it works.");
}

#[tokio::test]
async fn a_second_message_is_stored_while_a_reply_is_written_and_answered_after_it() {
    let (model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("Wait a moment").hold_after(1));
    let mut reply = ann.say(&session, "One.").await;
    reply.begin().await;
    model.push(Reply::words("And two."));
    let mut second = ann.say(&session, "Two.").await;
    second.begin().await;
    let state = &second.started["generation"]["state"];
    assert_eq!(state, "GENERATION_STATE_PENDING");
    assert_eq!(ann.messages(&session).await.len(), 5, "both are stored");
    model.release();
    assert_eq!(reply.at_end().await.text, "Wait a moment");
    assert_eq!(second.at_end().await.text, "And two.");
}
