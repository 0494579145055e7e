//! Replies that wait for their turn.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use platform::id::UserId;
use testkit::servers::Postgres;
use testkit::{Home, Witness};
use tokio::runtime::Runtime;
use tonic::Status;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::events::{GenerationEnded, GenerationStarted};
use troupe_proto::roleplay::{
    GenerationState, ImpersonatePersonRequest, Message, ParticipantRole as Role,
};
use troupe_roleplay::Config;

use crate::people::reason;
use crate::script::PATIENCE;
use crate::stage::{Person, Stage, Watch, turn};

/// Enough for one person to let many wait.
fn many() -> Config {
    Config {
        generations_per_person: 32,
        ..Config::default()
    }
}

/// What a stream begins with: the id and state of its generation, and what is answered.
async fn begun(watch: &mut Watch) -> (String, GenerationState, Option<Message>) {
    let started = watch.started().await;
    let generation = started.generation.unwrap();
    (
        generation.id.clone(),
        generation.state(),
        started.user_message,
    )
}

#[tokio::test]
async fn messages_are_stored_at_once_and_answered_in_their_order() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    alice.let_in(&session, &bob, Role::Player).await;
    let mut first = alice.send(&session, "One {{user}}").await.unwrap();
    assert_eq!(begun(&mut first).await.1, GenerationState::Running);
    let call = stage.call().await;
    call.say("To");
    first.reads("To").await;

    let mut second = bob.send(&session, "Two {{user}}").await.unwrap();
    let (waiting, state, said) = begun(&mut second).await;
    assert_eq!(
        (state, said.unwrap().text.as_str()),
        (GenerationState::Pending, "Two Alice")
    );
    assert_eq!(
        alice.generation(&waiting).await.state(),
        GenerationState::Pending
    );
    let texts = ["One Alice", "", "Two Alice", ""];
    assert_eq!(alice.texts(&session).await[1..], texts);
    assert!(!stage.was_asked().await);
    // Whoever watches sees it wait, too.
    let other = alice.watch(&waiting, 0).await.unwrap();

    call.say(" you.");
    call.finish();
    first.rest().await;
    let call = stage.call().await;
    assert_eq!(call.request.user_id, bob.user_id());
    let prompt = call.prompt();
    for said in ["One Alice", "To you.", "Two Alice"] {
        assert!(prompt.contains(said), "{prompt}");
    }
    call.say("And you.");
    call.finish();
    let (text, ended) = second.rest().await;
    assert_eq!(text, "And you.");
    assert_eq!(
        ended.generation.unwrap().state(),
        GenerationState::Completed
    );
    assert_eq!(other.all().await.1, "And you.");
    let texts = ["One Alice", "To you.", "Two Alice", "And you."];
    assert_eq!(alice.texts(&session).await[1..], texts);
}

#[tokio::test]
async fn of_many_who_send_at_once_none_is_refused_and_none_is_lost() {
    let stage = Stage::with(&many()).await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let mut people = vec![alice.clone()];
    for _ in 0..3 {
        let guest = stage.person();
        alice.let_in(&session, &guest, Role::Player).await;
        people.push(guest);
    }
    let sends = (0..12).map(|n| {
        let person = people[n % people.len()].clone();
        let session = session.clone();
        async move { person.send(&session, &format!("m{n}")).await }
    });
    let watches = join_all(sends).await;
    let stored = alice.path(&session).await;
    assert_eq!(stored.len(), 25, "each message with its reply");
    stage.script.always_reply("ok");
    // The first was asked for before.
    let call = stage.call().await;
    call.say("ok");
    call.finish();
    for watch in watches {
        let (_, text, ended) = watch.unwrap().all().await;
        assert_eq!(text, "ok");
        assert_eq!(
            ended.generation.unwrap().state(),
            GenerationState::Completed
        );
    }
    let path = alice.path(&session).await;
    assert_eq!(path.len(), 25);
    let ids = |path: &[Message]| -> Vec<String> { path.iter().map(|it| it.id.clone()).collect() };
    assert_eq!(ids(&path), ids(&stored));
    assert_eq!(alice.session(&session).await.running_generation_id, "");
}

#[tokio::test]
async fn what_waits_can_be_cancelled_and_what_is_behind_it_comes_next() {
    let stage = Stage::new().await;
    let mut witness = Witness::enter(&stage.host).await.unwrap();
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let mut first = alice.send(&session, "One").await.unwrap();
    let (running, ..) = begun(&mut first).await;
    let call = stage.call().await;
    let mut second = alice.send(&session, "Two").await.unwrap();
    let (waiting, ..) = begun(&mut second).await;
    let mut third = alice.send(&session, "Three").await.unwrap();
    let (last, ..) = begun(&mut third).await;
    let cancelled = alice.cancel(&waiting).await;
    assert_eq!(cancelled.state(), GenerationState::Cancelled);
    let (text, ended) = second.rest().await;
    assert_eq!((text.as_str(), ended.generation.unwrap()), ("", cancelled));
    // Nothing of the reply is left, and what was said stays.
    assert_eq!(
        alice.texts(&session).await[1..],
        ["One", "", "Two", "Three", ""]
    );
    call.finish();
    first.rest().await;
    let call = stage.call().await;
    call.say("Yes.");
    call.finish();
    assert_eq!(third.rest().await.0, "Yes.");
    assert_eq!(
        alice.texts(&session).await[1..],
        ["One", "Two", "Three", "Yes."]
    );
    let started: GenerationStarted = witness.hear_of().await;
    assert_eq!(started.generation_id, running);
    let ended: GenerationEnded = witness.hear_of().await;
    assert_eq!(ended.generation_id, waiting);
    let started: GenerationStarted = witness.hear_of().await;
    assert_eq!(started.generation_id, last);
}

#[tokio::test]
async fn only_another_text_or_more_of_it_is_refused_while_something_is_generated_or_waits() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let reply = turn(&stage, &alice, &session, "Hello", "Hi").await;
    let mut first = alice.send(&session, "One").await.unwrap();
    let (running, ..) = begun(&mut first).await;
    let call = stage.call().await;
    let mut second = alice
        .reply_to(&session, &alice.path(&session).await[1].id)
        .await
        .unwrap();
    let (_, state, answered) = begun(&mut second).await;
    assert_eq!(
        (state, answered.unwrap().text.as_str()),
        (GenerationState::Pending, "Hello")
    );
    let request = ImpersonatePersonRequest {
        session_id: session.clone(),
        ..Default::default()
    };
    let third = alice
        .messages()
        .impersonate_person(alice.ask(request))
        .await;
    let mut third = Watch::new(third.unwrap(), |response| response.event);
    let written = third.started().await;
    assert_eq!(
        written.generation.unwrap().state(),
        GenerationState::Pending
    );
    let written = written.message.unwrap();
    let refused: [Result<(), Status>; 4] = [
        alice.regenerate(&session, &reply.id).await.map(drop),
        alice.go_on(&session, &reply.id).await.map(drop),
        alice.edit(&session, &written.id, "x").await.map(drop),
        alice.delete_alone(&session, &written.id).await.map(drop),
    ];
    for refused in refused {
        assert_eq!(reason(refused), Some(Reason::GenerationRunning));
    }
    // What is complete can be changed.
    alice.edit(&session, &reply.id, "Hi there").await.unwrap();
    alice.cancel(&running).await;
    drop(call);
    for watch in [&mut second, &mut third] {
        let call = stage.call().await;
        call.say("Text.");
        call.finish();
        assert_eq!(watch.rest().await.0, "Text.");
    }
}

#[tokio::test]
async fn so_many_may_wait_in_a_session_and_of_a_person() {
    let config = Config {
        waiting_per_session: 2,
        generations_per_person: 3,
        ..Config::default()
    };
    let stage = Stage::with(&config).await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    alice.let_in(&session, &bob, Role::Player).await;
    let mut open = Vec::new();
    for person in [&alice, &alice, &bob] {
        open.push(person.send(&session, "Hello").await.unwrap());
    }
    let length = alice.path(&session).await.len();
    let refused = bob.send(&session, "Too much").await;
    assert_eq!(reason(refused), Some(Reason::TooManyRepliesWaiting));
    let elsewhere = alice.open_session().await.id;
    open.push(alice.send(&elsewhere, "Hello").await.unwrap());
    let other = alice.open_session().await.id;
    let refused = alice.send(&other, "Too much").await;
    assert_eq!(reason(refused), Some(Reason::TooManyGenerations));
    // Nothing of what is refused is stored.
    assert_eq!(alice.path(&session).await.len(), length);
    bob.say(&session, "Without a reply").await.unwrap();
}

#[tokio::test]
async fn what_waits_for_a_message_that_is_deleted_goes_with_it() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let mut first = alice.send(&session, "One").await.unwrap();
    first.started().await;
    let call = stage.call().await;
    let mut second = alice.send(&session, "Two").await.unwrap();
    let (waiting, _, said) = begun(&mut second).await;
    let mut third = alice.send(&session, "Three").await.unwrap();
    let (kept, _, three) = begun(&mut third).await;
    // Alone: what was to answer it has nothing to answer.
    alice
        .delete_alone(&session, &three.unwrap().id)
        .await
        .unwrap();
    call.say("Yes.");
    call.finish();
    first.rest().await;
    let call = stage.call().await;
    call.say("Again.");
    call.finish();
    second.rest().await;
    let (text, ended) = third.rest().await;
    assert_eq!(text, "");
    let ended = ended.generation.unwrap();
    assert_eq!(
        (ended.state(), ended.id),
        (GenerationState::Cancelled, kept)
    );
    assert_eq!(
        alice.texts(&session).await[1..],
        ["One", "Yes.", "Two", "Again."]
    );

    // With all that follows, while it waits.
    let mut first = alice.send(&session, "Four").await.unwrap();
    first.started().await;
    let call = stage.call().await;
    let mut second = alice.send(&session, "Five").await.unwrap();
    let (gone, _, five) = begun(&mut second).await;
    alice.delete(&session, &five.unwrap().id).await.unwrap();
    call.say("Yes.");
    call.finish();
    first.rest().await;
    second.next().await.unwrap().unwrap_err();
    assert_eq!(reason(alice.watch(&gone, 0).await), Some(Reason::NotFound));
    assert_eq!(
        alice.generation(&waiting).await.message_id,
        alice.path(&session).await[4].id
    );
    let _said = said;
    turn(&stage, &alice, &session, "Six", "Yes.").await;
}

#[tokio::test]
async fn a_reply_ends_at_once_when_what_it_waits_for_is_deleted() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let mut first = alice.send(&session, "One").await.unwrap();
    first.started().await;
    let call = stage.call().await;
    let mut second = alice.send(&session, "Two").await.unwrap();
    let (_, _, two) = begun(&mut second).await;
    let mut third = alice.send(&session, "Three").await.unwrap();
    let (_, _, three) = begun(&mut third).await;
    // The first one is being written all the while.
    alice
        .delete_alone(&session, &two.unwrap().id)
        .await
        .unwrap();
    let ended = second.rest().await.1.generation.unwrap();
    assert_eq!(ended.state(), GenerationState::Cancelled);
    alice.delete(&session, &three.unwrap().id).await.unwrap();
    third.next().await.unwrap().unwrap_err();
    assert_eq!(alice.texts(&session).await[1..], ["One", ""]);
    call.say("Yes.");
    call.finish();
    assert_eq!(first.rest().await.0, "Yes.");
    turn(&stage, &alice, &session, "Four", "Yes.").await;
}

#[tokio::test]
async fn who_is_removed_while_their_reply_waits_gets_none_and_holds_up_nobody() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await.id;
    let player = alice.let_in(&session, &bob, Role::Player).await;
    let mut first = alice.send(&session, "One").await.unwrap();
    first.started().await;
    let call = stage.call().await;
    let mut second = bob.send(&session, "Two").await.unwrap();
    let (waiting, ..) = begun(&mut second).await;
    let mut third = alice.send(&session, "Three").await.unwrap();
    third.started().await;
    alice.remove(&session, &player).await.unwrap();
    second.next().await.unwrap().unwrap_err();
    call.say("Yes.");
    call.finish();
    first.rest().await;
    let call = stage.call().await;
    assert_eq!(call.request.user_id, alice.user_id());
    call.say("Three.");
    call.finish();
    third.rest().await;
    assert_eq!(
        alice.generation(&waiting).await.state(),
        GenerationState::Cancelled
    );
}

#[test]
fn what_waits_when_the_platform_dies_runs_after_it_is_back() {
    let user = UserId::new();
    let first = Runtime::new().unwrap();
    let (home, stage, session, waiting, call) = first.block_on(async {
        let home = Arc::new(Home::new().await.unwrap());
        let stage = Stage::on(&home, &Config::default()).await;
        let alice = stage.person_with(user);
        let session = alice.open_session().await.id;
        let mut first = alice.send(&session, "One").await.unwrap();
        let (running, ..) = begun(&mut first).await;
        let call = stage.call().await;
        let mut waiting = Vec::new();
        for text in ["Two", "Three"] {
            let mut watch = alice.send(&session, text).await.unwrap();
            waiting.push(begun(&mut watch).await.0);
        }
        alice.cancel(&waiting.pop().unwrap()).await;
        let waiting = [running, waiting.pop().unwrap()];
        (home, stage, session, waiting, call)
    });
    first.shutdown_timeout(PATIENCE);
    drop((stage, call));
    Runtime::new().unwrap().block_on(async {
        let stage = Stage::on(&home, &Config::default()).await;
        let alice = stage.person_with(user);
        let [running, waiting] = waiting;
        let (.., ended) = alice.watch(&running, 0).await.unwrap().all().await;
        assert_eq!(
            ended.generation.unwrap().state(),
            GenerationState::Interrupted
        );
        let watch = alice.watch(&waiting, 0).await.unwrap();
        let call = stage.call().await;
        assert_eq!(call.request.user_id, alice.user_id());
        call.say("Late.");
        call.finish();
        let (_, text, ended) = watch.all().await;
        assert_eq!(text, "Late.");
        assert_eq!(
            ended.generation.unwrap().state(),
            GenerationState::Completed
        );
        let texts = ["One", "Two", "Late.", "Three"];
        assert_eq!(alice.texts(&session).await[1..], texts);
        assert!(!stage.was_asked().await);
    });
}

#[tokio::test]
async fn what_waits_when_the_platform_stops_is_ended_at_once() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let mut first = alice.send(&session, "One").await.unwrap();
    first.started().await;
    let call = stage.call().await;
    let mut second = alice.send(&session, "Two").await.unwrap();
    second.started().await;
    stage.host.tasks.token().cancel();
    let ended = second.rest().await.1.generation.unwrap();
    assert_eq!(ended.state(), GenerationState::Interrupted);
    call.say("The whole.");
    call.finish();
    assert_eq!(first.rest().await.0, "The whole.");
    assert!(stage.host.tasks.shut_down(Duration::from_secs(30)).await);
}

#[tokio::test]
async fn one_line_holds_for_two_replicas_and_so_does_a_removal() {
    let server = Postgres::shared().await.unwrap();
    let home = Arc::new(Home::on(server).unwrap());
    let one = Stage::on(&home, &Config::default()).await;
    let two = Stage::on(&home, &Config::default()).await;
    let alice = one.person();
    let session = alice.open_session().await.id;
    let bob = one.person();
    let player = alice.let_in(&session, &bob, Role::Player).await;
    let bob: Person = two.person_with(bob.0.user_id.unwrap());
    let mut first = alice.send(&session, "One").await.unwrap();
    let (running, ..) = begun(&mut first).await;
    let call = one.call().await;
    let mut second = bob.send(&session, "Two").await.unwrap();
    let (waiting, state, _) = begun(&mut second).await;
    assert_eq!(state, GenerationState::Pending);
    let refused = bob
        .regenerate(&session, &alice.path(&session).await[0].id)
        .await;
    assert_eq!(
        reason_of(&refused.err().unwrap()),
        Some(Reason::GenerationRunning)
    );
    call.say("Yes.");
    call.finish();
    first.rest().await;
    let call = two.call().await;
    call.say("And");
    second.reads("And").await;
    assert_eq!(alice.generation(&waiting).await.text, "And");
    // Another replica's removal reaches the streams of this one.
    let mut open = bob.watch(&waiting, 3).await.unwrap();
    open.started().await;
    alice.remove(&session, &player).await.unwrap();
    let gone = tokio::time::timeout(Duration::from_secs(1), open.next()).await;
    gone.expect("within a second").unwrap().unwrap_err();
    call.finish();
    assert_eq!(alice.generation(&running).await.text, "Yes.");
}
