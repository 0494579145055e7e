//! What becomes of generations when the platform stops, in order or not.

use std::sync::Arc;
use std::time::Duration;

use platform::id::UserId;
use testkit::Home;
use tokio::runtime::Runtime;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::{GenerationState, MessageState};
use troupe_roleplay::Config;

use crate::stage::{Stage, turn};
use crate::troupe::{answer, session_of};

/// In which the threads of a runtime have stopped.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn keeps_what_was_seen_of_a_generation_that_a_crash_ended() {
    let user = UserId::new();
    let first = Runtime::new().unwrap();
    let (home, stage, session, id, call) = first.block_on(async {
        let home = Arc::new(Home::new().await.unwrap());
        let stage = Stage::on(&home, &Config::default()).await;
        let alice = stage.person_with(user);
        let session = alice.open_session().await;
        let mut watch = alice.send(&session.id, "Hello").await.unwrap();
        let id = watch.started().await.generation.unwrap().id;
        let call = stage.call().await;
        for piece in ["One", " two", " thr"] {
            call.say(piece);
            watch.reads(piece).await;
        }
        (home, stage, session, id, call)
    });
    // Tasks are dropped where they stand, as a crash leaves them; until all are, the model goes on.
    first.shutdown_timeout(STOPPED_WITHIN);
    drop((stage, call));

    Runtime::new().unwrap().block_on(async {
        let stage = Stage::on(&home, &Config::default()).await;
        let alice = stage.person_with(user);
        let (_, text, ended) = alice.watch(&id, 3).await.unwrap().all().await;
        assert_eq!(text, " two thr");
        let (generation, message) = (ended.generation.unwrap(), ended.message.unwrap());
        assert_eq!(
            (generation.state(), generation.text.as_str()),
            (GenerationState::Interrupted, "One two thr")
        );
        assert_eq!(
            (message.state(), message.text.as_str()),
            (MessageState::Interrupted, "One two thr")
        );
        assert_eq!(alice.session(&session.id).await.running_generation_id, "");

        let watch = alice.go_on(&session.id, &message.id).await.unwrap();
        let call = stage.call().await;
        call.say("ee.");
        call.finish();
        watch.all().await;
        assert_eq!(alice.texts(&session.id).await[2], "One two three.");
        turn(&stage, &alice, &session.id, "More", "No").await;
    });
}

#[tokio::test]
async fn ends_running_generations_with_their_text_when_the_grace_is_over() {
    let config = Config {
        generation_grace_secs: 0,
        ..Config::default()
    };
    let stage = Stage::with(&config).await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let mut watch = alice.send(&session.id, "Hello").await.unwrap();
    watch.started().await;
    let call = stage.call().await;
    call.say("Half a");
    watch.reads("Half a").await;
    assert!(stage.host.tasks.shut_down(Duration::from_secs(30)).await);
    let ended = watch.rest().await.1;
    assert_eq!(
        ended.generation.unwrap().state(),
        GenerationState::Interrupted
    );
    assert_eq!(ended.message.unwrap().text, "Half a");
}

#[tokio::test]
async fn lets_running_generations_finish_and_no_new_ones_begin_while_stopping() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let mut watch = alice.send(&session.id, "Hello").await.unwrap();
    watch.started().await;
    let call = stage.call().await;
    stage.host.tasks.token().cancel();
    let other = alice.open_session().await;
    let status = alice.send(&other.id, "Hello").await.err().unwrap();
    assert_eq!(reason_of(&status), Some(Reason::Unavailable));
    call.say("The whole.");
    call.finish();
    let ended = watch.rest().await.1;
    assert_eq!(
        ended.generation.unwrap().state(),
        GenerationState::Completed
    );
    assert_eq!(ended.message.unwrap().text, "The whole.");
    assert!(stage.host.tasks.shut_down(Duration::from_secs(30)).await);
}

#[test]
fn what_waited_is_said_by_the_character_that_was_asked() {
    let user = UserId::new();
    let first = Runtime::new().unwrap();
    let (home, stage, session, waiting, odo, call) = first.block_on(async {
        let home = Arc::new(Home::new().await.unwrap());
        let stage = Stage::on(&home, &Config::default()).await;
        let alice = stage.person_with(user);
        let (session, ids) = session_of(&alice, &["Mira", "Odo"]).await;
        let [mira, odo] = [&ids[0], &ids[1]];
        let mut runs = alice.send_to(&session.id, "Hello", mira).await.unwrap();
        runs.started().await;
        let call = stage.call().await;
        let mut waits = alice.send_to(&session.id, "And you?", odo).await.unwrap();
        let waiting = waits.started().await.generation.unwrap().id;
        (home, stage, session.id, waiting, odo.clone(), call)
    });
    first.shutdown_timeout(STOPPED_WITHIN);
    drop((stage, call));

    Runtime::new().unwrap().block_on(async {
        let stage = Stage::on(&home, &Config::default()).await;
        let alice = stage.person_with(user);
        let watch = alice.watch(&waiting, 0).await.unwrap();
        let call = stage.call().await;
        let prompt = call.prompt();
        assert!(prompt.contains("next reply only as Odo"), "{prompt}");
        answer(call, "I am Odo.");
        let reply = watch.all().await.2.message.unwrap();
        assert_eq!(
            (reply.speaker_name.as_str(), reply.character_id),
            ("Odo", odo.clone())
        );
        assert_eq!(alice.speaker(&waiting).await.character_id, odo);
        assert_eq!(alice.texts(&session).await.last().unwrap(), "I am Odo.");
    });
}
