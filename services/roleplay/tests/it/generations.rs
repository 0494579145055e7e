//! One generation a session, and one for each request.

use std::future::{Future, poll_fn};
use std::task::Poll;

use tonic::Code;
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::{
    self as pb, ContinueMessageRequest, DeleteSessionRequest, MessageState,
    RegenerateMessageRequest, SendMessageRequest,
};

use crate::stage::{Stage, turn};

#[tokio::test]
async fn runs_one_generation_a_session_at_a_time() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let greeting = alice.path(&session.id).await.remove(0);
    let mut watch = alice.send(&session.id, "Hello").await.unwrap();
    let started = watch.started().await;
    let (id, message) = (started.generation.unwrap().id, started.message.unwrap());
    let refusals = [
        alice.regenerate(&session.id, &greeting.id).await.err(),
        alice.go_on(&session.id, &message.id).await.err(),
        alice.edit(&session.id, &message.id, "no").await.err(),
        alice.delete(&session.id, &message.id).await.err(),
        alice.delete(&session.id, &greeting.id).await.err(),
    ];
    for refusal in refusals {
        let status = refusal.unwrap();
        assert_eq!(
            (status.code(), reason_of(&status)),
            (Code::Aborted, Some(Reason::GenerationRunning))
        );
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.metadata["generationId"], id);
    }
    let other = alice.open_session().await;
    let elsewhere = alice.send(&other.id, "Hello").await.unwrap();
    for _ in 0..2 {
        let call = stage.call().await;
        call.say("Hi");
        call.finish();
    }
    elsewhere.all().await;
    watch.rest().await;
    turn(&stage, &alice, &session.id, "Again", "Yes").await;
}

#[tokio::test]
async fn shows_a_repeated_request_the_generation_of_the_first() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let request = SendMessageRequest {
        session_id: session.id.clone(),
        text: "Hello".to_owned(),
        request_id: "r-1".to_owned(),
        parent_message_id: String::new(),
        ..Default::default()
    };
    let mut first = alice.send_request(request.clone()).await.unwrap();
    let id = first.started().await.generation.unwrap().id;
    let second = alice.send_request(request.clone()).await.unwrap();
    let call = stage.call().await;
    call.say("Hi");
    call.finish();
    let (started, text, _) = second.all().await;
    assert_eq!(
        (started.generation.unwrap().id, text.as_str()),
        (id.clone(), "Hi")
    );
    assert_eq!(first.rest().await.0, "Hi");
    let (started, text, _) = alice.send_request(request).await.unwrap().all().await;
    assert_eq!((started.generation.unwrap().id, text.as_str()), (id, "Hi"));
    assert_eq!(started.user_message.unwrap().text, "Hello");
    assert_eq!(alice.texts(&session.id).await.len(), 3);
}

#[tokio::test]
async fn refuses_another_request_under_the_id_of_an_earlier_one() {
    let stage = Stage::new().await;
    stage.script.always_reply("Hi");
    let alice = stage.person();
    let session = alice.open_session().await;
    let request = |session: &str, text: &str| SendMessageRequest {
        session_id: session.to_owned(),
        text: text.to_owned(),
        request_id: "r-1".to_owned(),
        parent_message_id: String::new(),
        ..Default::default()
    };
    let first = alice.send_request(request(&session.id, "Hello")).await;
    let reply = first.unwrap().all().await.2.message.unwrap();
    let status = alice.send_request(request(&session.id, "Other")).await;
    let status = status.err().unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason_of(&status), Some(Reason::RequestIdReused));
    let fields = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(fields[0].field, "request_id");
    // Another method asks for something else as well.
    let again = RegenerateMessageRequest {
        session_id: session.id.clone(),
        message_id: reply.id,
        request_id: "r-1".to_owned(),
    };
    let again = alice.messages().regenerate_message(alice.ask(again)).await;
    assert_eq!(
        reason_of(&again.err().unwrap()),
        Some(Reason::RequestIdReused)
    );
    assert_eq!(alice.texts(&session.id).await.len(), 3);
    // The id is the session's: in another one it is new.
    let elsewhere = alice.open_session().await.id;
    let sent = alice.send_request(request(&elsewhere, "Other")).await;
    assert_eq!(sent.unwrap().all().await.1, "Hi");
    let bob = stage.person();
    let theirs = bob.send_request(request(&session.id, "Other")).await;
    assert_eq!(theirs.err().unwrap().code(), Code::NotFound);
}

#[tokio::test]
async fn makes_one_generation_of_sends_at_once_with_one_request_id() {
    let stage = Stage::new().await;
    stage.script.always_reply("Hi");
    let alice = stage.person();
    let session = alice.open_session().await;
    let request = SendMessageRequest {
        session_id: session.id.clone(),
        text: "Hello".to_owned(),
        request_id: "r-1".to_owned(),
        parent_message_id: String::new(),
        ..Default::default()
    };
    let sends = (0..8).map(|_| async {
        alice
            .send_request(request.clone())
            .await
            .unwrap()
            .all()
            .await
    });
    let seen = futures::future::join_all(sends).await;
    assert!(seen.iter().all(|(_, text, _)| text == "Hi"));
    assert_eq!(alice.texts(&session.id).await.len(), 3);
}

#[tokio::test]
async fn does_so_for_regenerations_and_continuations_too() {
    let stage = Stage::new().await;
    stage.script.always_reply("and so on");
    let alice = stage.person();
    let session = alice.open_session().await;
    let reply = alice
        .send(&session.id, "Hello")
        .await
        .unwrap()
        .all()
        .await
        .2
        .message
        .unwrap();
    let again = RegenerateMessageRequest {
        session_id: session.id.clone(),
        message_id: reply.id.clone(),
        request_id: "again".to_owned(),
    };
    for _ in 0..2 {
        let mut answer = alice
            .messages()
            .regenerate_message(alice.ask(again.clone()))
            .await
            .unwrap()
            .into_inner();
        while answer.message().await.unwrap().is_some() {}
    }
    assert_eq!(alice.swipes(&session.id, &reply.id).await.len(), 2);
    let last = alice.path(&session.id).await.remove(2);
    let go_on = ContinueMessageRequest {
        session_id: session.id.clone(),
        message_id: last.id,
        request_id: "go on".to_owned(),
    };
    for _ in 0..2 {
        let mut answer = alice
            .messages()
            .continue_message(alice.ask(go_on.clone()))
            .await
            .unwrap()
            .into_inner();
        while answer.message().await.unwrap().is_some() {}
    }
    assert_eq!(alice.texts(&session.id).await[2], "and so onand so on");
}

#[tokio::test]
async fn deleting_a_session_stops_its_generation() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let mut watch = alice.send(&session.id, "Hello").await.unwrap();
    let id = watch.started().await.generation.unwrap().id;
    let call = stage.call().await;
    let delete = DeleteSessionRequest {
        session_id: session.id.clone(),
    };
    alice
        .sessions()
        .delete_session(alice.ask(delete))
        .await
        .unwrap();
    call.dropped().await;
    let status = alice.watch(&id, 0).await.err().unwrap();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn a_client_that_leaves_at_any_moment_leaves_no_generation_without_a_job() {
    let stage = Stage::new().await;
    stage.script.always_reply("Hi");
    let alice = stage.person();
    for moment in 0..60 {
        let session = alice.open_session().await;
        let mut send = Box::pin(alice.send(&session.id, "Hello"));
        // Each poll is a step of the call: it is woken when the database has done something.
        let mut steps = 0;
        poll_fn(|cx| {
            steps += 1;
            if steps > moment {
                return Poll::Ready(());
            }
            send.as_mut().poll(cx).map(drop)
        })
        .await;
        drop(send);
        // It waits for what may have begun.
        let next = alice.send(&session.id, "Still there?").await.unwrap();
        next.all().await;
        for message in alice.path(&session.id).await {
            assert_eq!(message.state(), MessageState::Complete);
        }
    }
}

#[tokio::test]
async fn lists_the_generations_of_a_session_newest_first() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    turn(&stage, &alice, &session, "One", "First").await;
    turn(&stage, &alice, &session, "Two", "Second").await;
    let mut watch = alice.send(&session, "Three").await.unwrap();
    let call = stage.call().await;
    call.say("Third");
    watch.started().await;
    watch.reads("Third").await;
    let elsewhere = alice.open_session().await.id;
    let list = async |session: &str, page_size: i32, page_token: String| {
        let request = pb::ListGenerationsRequest {
            session_id: session.to_owned(),
            page_size,
            page_token,
        };
        let request = alice.ask(request);
        let page = alice.generations().list_generations(request).await;
        page.unwrap().into_inner()
    };
    let first = list(&session, 2, String::new()).await;
    let second = list(&session, 2, first.next_page_token.clone()).await;
    assert_eq!(
        (first.generations.len(), second.next_page_token.as_str()),
        (2, "")
    );
    let listed = [first.generations, second.generations].concat();
    let texts: Vec<&str> = listed.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["Third", "Second", "First"]);
    assert_eq!(listed[0].state(), pb::GenerationState::Running);
    for generation in &listed {
        assert_eq!(alice.generation(&generation.id).await, *generation);
    }
    assert!(
        list(&elsewhere, 0, String::new())
            .await
            .generations
            .is_empty()
    );
    call.finish();
    watch.rest().await;
}
