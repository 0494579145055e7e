//! Watching generations: from any offset, from several places, each byte once.

use futures::future::join_all;
use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::{GenerationState, MessageState};

use crate::stage::Stage;

const PIECES: [&str; 5] = ["Täglich ", "grüßt ", "🦊 ", "das ", "Murmeltier."];

#[tokio::test]
async fn shows_each_byte_once_from_every_offset_while_running_and_after_the_end() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let mut first = alice.send(&session.id, "Hello").await.unwrap();
    let id = first.started().await.generation.unwrap().id;
    let call = stage.call().await;

    let mut watches = Vec::new();
    let mut said = String::new();
    for piece in PIECES {
        call.say(piece);
        // The space at the end of a piece is held back until more follows.
        let shown = format!("{said}{piece}").trim_end().to_owned();
        first.reads(&shown[said.trim_end().len()..]).await;
        said.push_str(piece);
        for (offset, _) in shown.char_indices().chain([(shown.len(), ' ')]) {
            watches.push((
                offset,
                alice.watch(&id, offset.try_into().unwrap()).await.unwrap(),
            ));
        }
    }
    call.finish();
    let seen = join_all(
        watches
            .into_iter()
            .map(|(offset, watch)| async move { (offset, watch.all().await) }),
    );
    for (offset, (started, text, ended)) in seen.await {
        assert_eq!(text, said[offset..]);
        let before = started.generation.unwrap();
        assert_eq!(
            (before.text.as_str(), before.state()),
            (&said[..offset], GenerationState::Running)
        );
        assert_eq!(before.next_offset, i32::try_from(offset).unwrap());
        assert_eq!(started.message.unwrap().text, said[..offset]);
        assert_eq!(ended.generation.unwrap().text, said);
        assert_eq!(ended.message.unwrap().text, said);
    }
    for (offset, _) in said.char_indices().chain([(said.len(), ' ')]) {
        let (started, text, _) = alice
            .watch(&id, offset.try_into().unwrap())
            .await
            .unwrap()
            .all()
            .await;
        assert_eq!(text, said[offset..]);
        assert_eq!(started.message.unwrap().text, said[..offset]);
    }
}

#[tokio::test]
async fn refuses_offsets_beyond_the_text_and_within_a_character() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let mut watch = alice.send(&session.id, "Hello").await.unwrap();
    let id = watch.started().await.generation.unwrap().id;
    let call = stage.call().await;
    call.say("né");
    watch.reads("né").await;
    let check = async |when: &str| {
        for offset in [4, i32::MAX, 2] {
            let status = alice.watch(&id, offset).await.err().unwrap();
            assert_eq!(
                (status.code(), reason_of(&status)),
                (Code::InvalidArgument, Some(Reason::OffsetInvalid)),
                "{when} {offset}"
            );
        }
    };
    check("running").await;
    call.finish();
    watch.rest().await;
    check("ended").await;
}

#[tokio::test]
async fn goes_on_without_clients() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let mut watch = alice.send(&session.id, "Hello").await.unwrap();
    let id = watch.started().await.generation.unwrap().id;
    let call = stage.call().await;
    call.say("One");
    watch.reads("One").await;
    drop(watch);
    call.say(" two");
    let mut watch = alice.watch(&id, 3).await.unwrap();
    watch.started().await;
    watch.reads(" two").await;
    call.say(" three");
    call.finish();
    assert_eq!(watch.rest().await.0, " three");
    assert_eq!(alice.texts(&session.id).await[2], "One two three");
}

#[tokio::test]
async fn a_watcher_that_does_not_read_holds_up_nobody() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let mut lazy = alice.send(&session.id, "Hello").await.unwrap();
    let id = lazy.started().await.generation.unwrap().id;
    let call = stage.call().await;
    let watch = alice.watch(&id, 0).await.unwrap();
    for number in 0..2_000 {
        call.say(&format!("{number} "));
    }
    call.finish();
    let (_, seen, _) = watch.all().await;
    assert!(
        seen.starts_with("0 1 2 ") && seen.ends_with("1998 1999"),
        "{seen}"
    );
    assert_eq!(lazy.rest().await.0, seen);
}

#[tokio::test]
async fn cancel_stops_the_model_and_keeps_the_text() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let mut watch = alice.send(&session.id, "Hello").await.unwrap();
    let id = watch.started().await.generation.unwrap().id;
    let call = stage.call().await;
    call.say("Half a");
    watch.reads("Half a").await;

    let cancelled = alice.cancel(&id).await;
    assert_eq!(
        (cancelled.state(), cancelled.text.as_str()),
        (GenerationState::Cancelled, "Half a")
    );
    call.dropped().await;
    let ended = watch.rest().await.1;
    let message = ended.message.unwrap();
    assert_eq!(
        (message.state(), message.text.as_str()),
        (MessageState::Cancelled, "Half a")
    );
    assert_eq!(
        alice.cancel(&id).await,
        cancelled,
        "an ended one stays as it is"
    );

    let watch = alice.go_on(&session.id, &message.id).await.unwrap();
    let call = stage.call().await;
    call.say(" sentence.");
    call.finish();
    let message = watch.all().await.2.message.unwrap();
    assert_eq!(
        (message.state(), message.text.as_str()),
        (MessageState::Complete, "Half a sentence.")
    );
    assert_eq!(
        alice.cancel(&message.generation_id).await.state(),
        GenerationState::Completed
    );
}

#[tokio::test]
async fn cancels_before_the_first_token() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let mut watch = alice.send(&session.id, "Hello").await.unwrap();
    let id = watch.started().await.generation.unwrap().id;
    let call = stage.call().await;
    assert_eq!(alice.cancel(&id).await.text, "");
    call.dropped().await;
    assert_eq!(watch.rest().await.0, "");
}
