//! Messages of clients that keep a chat of their own: one that comes again isn't sent twice.

use tonic::Status;
use troupe_proto::roleplay as pb;

use crate::script::provider_down;
use crate::stage::{Person, Stage, Watch};

/// Sends a message as a client that has this reply last.
async fn say(
    person: &Person,
    session: &str,
    text: &str,
    last_reply: &str,
) -> Result<Watch, Status> {
    let request = pb::SendMessageRequest {
        session_id: session.to_owned(),
        text: text.to_owned(),
        last_reply: Some(last_reply.to_owned()),
        ..pb::SendMessageRequest::default()
    };
    person.send_request(request).await
}

/// What was said, oldest first, after the greeting.
async fn said(person: &Person, session: &str) -> Vec<String> {
    let path = person.path(session).await;
    path.into_iter().skip(1).map(|it| it.text).collect()
}

#[tokio::test]
async fn a_repeat_gets_the_reply_that_there_is() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let greeting = alice.path(&session).await.pop().unwrap().text;
    let mut first = say(&alice, &session, "Who is there?", &greeting)
        .await
        .unwrap();
    first.started().await;
    let call = stage.call().await;
    call.say("The wind");
    first.reads("The wind").await;
    // While it is written, and once it is.
    let mut running = say(&alice, &session, "Who is there? ", &greeting)
        .await
        .unwrap();
    running.started().await;
    running.reads("The wind").await;
    call.say(" alone.");
    call.finish();
    assert_eq!(first.rest().await.0, " alone.");
    let again = say(&alice, &session, "Who is there?", &greeting)
        .await
        .unwrap();
    let (started, text, _) = again.all().await;
    assert_eq!(text, "The wind alone.");
    assert_eq!(
        started.generation.unwrap().message_id,
        started.message.unwrap().id
    );
    assert_eq!(
        said(&alice, &session).await,
        ["Who is there?", "The wind alone."]
    );
    assert!(!stage.was_asked().await);
}

#[tokio::test]
async fn who_knows_the_reply_or_has_none_may_say_the_same_again() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    stage.script.always_reply("Aye.");
    for last_reply in ["", "Aye.", " Aye. ", ""] {
        say(&alice, &session, "Go on", last_reply)
            .await
            .unwrap()
            .all()
            .await;
    }
    assert_eq!(said(&alice, &session).await.len(), 8);
}

#[tokio::test]
async fn a_message_without_a_whole_reply_gets_one() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    for (written, last_reply) in [("", "Yes?"), ("The wi", ""), ("The win", "Yes?")] {
        let mut failing = say(&alice, &session, "Who is there?", last_reply)
            .await
            .unwrap();
        failing.started().await;
        let call = stage.call().await;
        if !written.is_empty() {
            call.say(written);
        }
        call.fail(provider_down());
        failing.rest().await;
    }
    stage.script.always_reply("The wind.");
    let whole = say(&alice, &session, "Who is there?", "").await.unwrap();
    assert_eq!(whole.all().await.1, "The wind.");
    assert_eq!(said(&alice, &session).await, ["Who is there?", "The wind."]);
}

#[tokio::test]
async fn an_id_of_a_request_decides_alone_and_others_messages_are_their_own() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    stage.script.always_reply("Aye.");
    say(&alice, &session, "Go on", "")
        .await
        .unwrap()
        .all()
        .await;
    let keyed = |id: &str| pb::SendMessageRequest {
        session_id: session.clone(),
        text: "Go on".to_owned(),
        last_reply: Some("Yes?".to_owned()),
        request_id: id.to_owned(),
        ..pb::SendMessageRequest::default()
    };
    alice.send_request(keyed("r-1")).await.unwrap().all().await;
    alice.send_request(keyed("r-1")).await.unwrap().all().await;
    assert_eq!(said(&alice, &session).await.len(), 4);
    alice.send_request(keyed("r-2")).await.unwrap().all().await;
    assert_eq!(said(&alice, &session).await.len(), 6);
    let bob = stage.person();
    assert!(say(&bob, &session, "Go on", "").await.is_err());
}
