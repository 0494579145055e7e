//! Replies for which nothing was written, and messages that have no reply.

use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::{self as pb, GenerationState, MessageState};

use crate::script::provider_down;
use crate::stage::{Person, Stage, turn};

async fn get(person: &Person, session: &str, message: &str) -> Result<pb::Message, tonic::Status> {
    let request = pb::GetMessageRequest {
        session_id: session.to_owned(),
        message_id: message.to_owned(),
    };
    let answer = person.messages().get_message(person.ask(request)).await?;
    Ok(answer.into_inner().message.unwrap())
}

#[tokio::test]
async fn a_message_whose_reply_was_deleted_is_answered_again() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let reply = turn(&stage, &alice, &id, "Are you there?", "No.").await;
    let said = reply.parent_message_id.clone();
    assert_eq!(alice.delete(&id, &reply.id).await.unwrap(), said);
    let mut watch = alice.reply_to(&id, &said).await.unwrap();
    let started = watch.started().await;
    assert_eq!(started.user_message.unwrap().id, said);
    let call = stage.call().await;
    assert!(
        call.prompt().ends_with("Are you there?"),
        "{}",
        call.prompt()
    );
    call.say("Yes.");
    call.finish();
    let generation = watch.rest().await.1.generation.unwrap();
    assert_eq!(alice.texts(&id).await[1..], ["Are you there?", "Yes."]);
    // Who comes later sees the same.
    let (started, text, _) = alice.watch(&generation.id, 0).await.unwrap().all().await;
    assert_eq!(
        (started.user_message.unwrap().id, text.as_str()),
        (said.clone(), "Yes.")
    );
    // Once more makes a swipe.
    let watch = alice.reply_to(&id, &said).await.unwrap();
    let call = stage.call().await;
    call.say("Perhaps.");
    call.finish();
    let last = watch.all().await.2.message.unwrap();
    assert_eq!((last.swipe_index, last.swipe_count), (1, 2));
}

#[tokio::test]
async fn a_character_does_not_answer_itself() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let greeting = alice.path(&id).await.remove(0);
    let status = alice.reply_to(&id, &greeting.id).await.err().unwrap();
    assert_eq!(
        (status.code(), reason_of(&status)),
        (Code::FailedPrecondition, Some(Reason::MessageUnsuitable))
    );
}

#[tokio::test]
async fn a_repeated_request_for_a_reply_gets_the_first() {
    let stage = Stage::new().await;
    stage.script.always_reply("Yes.");
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let said = alice.send(&id, "There?").await.unwrap().all().await;
    let said = said.0.user_message.unwrap().id;
    for _ in 0..2 {
        let request = pb::ReplyToMessageRequest {
            session_id: id.clone(),
            message_id: said.clone(),
            request_id: "once".to_owned(),
            ..Default::default()
        };
        let answer = alice.messages().reply_to_message(alice.ask(request)).await;
        let mut answer = answer.unwrap().into_inner();
        while answer.message().await.unwrap().is_some() {}
    }
    let last = alice.path(&id).await.pop().unwrap();
    assert_eq!(last.swipe_count, 2);
}

/// Failed, empty, or cancelled before the first word: each leaves the session as it was.
#[tokio::test]
async fn a_reply_for_which_nothing_was_written_leaves_no_swipe() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let first = turn(&stage, &alice, &id, "Hello", "A").await;
    turn(&stage, &alice, &id, "two", "A2").await;
    let before = alice.path(&id).await;
    for (ends, expected) in [
        ("fails", GenerationState::Failed),
        ("is blank", GenerationState::Completed),
        ("is cancelled", GenerationState::Cancelled),
    ] {
        let mut watch = alice.regenerate(&id, &first.id).await.unwrap();
        let generation = watch.started().await.generation.unwrap().id;
        let call = stage.call().await;
        match ends {
            "fails" => call.fail(provider_down()),
            "is blank" => {
                call.say(" \n ");
                call.finish();
            }
            _ => drop(alice.cancel(&generation).await),
        }
        let ended = watch.rest().await.1;
        let (generation, message) = (ended.generation.unwrap(), ended.message.unwrap());
        assert_eq!(generation.state(), expected, "{ends}");
        assert_eq!(message.text, "", "{ends}");
        assert_eq!(alice.path(&id).await, before, "{ends}");
        assert_eq!(alice.swipes(&id, &first.id).await.len(), 1, "{ends}");
        let gone = get(&alice, &id, &message.id).await.unwrap_err();
        assert_eq!(gone.code(), Code::NotFound, "{ends}");
        // The generation stays, for whoever asks what happened.
        assert_eq!(alice.generation(&generation.id).await, generation, "{ends}");
        let seen = alice.watch(&generation.id, 0).await.unwrap().all().await.2;
        assert_eq!(seen.message.unwrap().id, message.id, "{ends}");
    }
    let watch = alice.regenerate(&id, &first.id).await.unwrap();
    let call = stage.call().await;
    call.say("B");
    call.finish();
    let good = watch.all().await.2.message.unwrap();
    assert_eq!((good.swipe_index, good.swipe_count), (1, 2));
}

#[tokio::test]
async fn nothing_hangs_on_a_reply_for_which_nothing_was_written() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    stage.script.refuse_next(provider_down());
    let (started, _, ended) = alice.send(&id, "Hello").await.unwrap().all().await;
    let (said, empty) = (started.user_message.unwrap(), ended.message.unwrap());
    assert_eq!(empty.state(), MessageState::Failed);
    let request = pb::SendMessageRequest {
        session_id: id.clone(),
        text: "Again".to_owned(),
        parent_message_id: empty.id.clone(),
        ..Default::default()
    };
    let refusals = [
        alice.send_request(request).await.err(),
        alice.select(&id, &empty.id).await.err(),
        alice.delete(&id, &empty.id).await.err(),
        alice.edit(&id, &empty.id, "By hand").await.err(),
        alice.go_on(&id, &empty.id).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap().code(), Code::NotFound);
    }
    let head = alice.session(&id).await.branch.unwrap().head_message_id;
    assert_eq!(head, said.id);
    turn(&stage, &alice, &id, "Again", "Hi").await;
    assert_eq!(alice.texts(&id).await[1..], ["Hello", "Again", "Hi"]);
}

#[tokio::test]
async fn a_reply_that_fails_later_keeps_its_text() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let watch = alice.send(&id, "Hello").await.unwrap();
    let call = stage.call().await;
    call.say("Half a");
    call.fail(provider_down());
    watch.all().await;
    let last = alice.path(&id).await.pop().unwrap();
    assert_eq!(
        (last.text.as_str(), last.state()),
        ("Half a", MessageState::Failed)
    );
}

#[tokio::test]
async fn a_message_that_says_nothing_is_not_sent() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    turn(&stage, &alice, &id, " \n\t", "What?").await;
    let watch = alice.send(&id, "Nothing.").await.unwrap();
    let call = stage.call().await;
    let prompt = match call.request.prompt.clone().unwrap() {
        troupe_proto::ai::generate_request::Prompt::Chat(chat) => chat.messages,
        other => panic!("{other:?}"),
    };
    assert!(
        prompt
            .iter()
            .all(|message| !message.content.trim().is_empty()),
        "{prompt:?}"
    );
    assert!(call.prompt().contains("What?"), "{}", call.prompt());
    call.finish();
    watch.all().await;
}
