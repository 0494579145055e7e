//! What is told of characters, sessions and generations, each with its change, and told again.

use std::sync::Arc;
use std::time::Duration;

use testkit::witness::{Heard, silence};
use testkit::{Home, Witness};
use troupe_proto::events::{
    BranchSelected, CharacterCreated, GenerationEnded, GenerationKind, GenerationStarted,
    GenerationState, MessageOrigin, MessageWritten, SessionCreated, SwipeSelected,
};
use troupe_proto::{Reason, roleplay as pb};
use troupe_roleplay::{Config, Roleplay};

use crate::script::provider_down;
use crate::stage::{CARD, Person, Stage, opening, turn};

/// A turn, another text for it, more text at its end, and back to the first: returns the session and the two replies.
async fn play(stage: &Stage, alice: &Person) -> (pb::Session, [pb::Message; 2]) {
    let session = alice.open_session().await;
    let first = turn(stage, alice, &session.id, "Hello", "Hi").await;
    let watch = alice.regenerate(&session.id, &first.id).await.unwrap();
    let call = stage.call().await;
    call.say("Hé");
    call.finish();
    let second = watch.all().await.2.message.unwrap();
    let watch = alice.go_on(&session.id, &second.id).await.unwrap();
    stage.call().await.fail(provider_down());
    watch.all().await;
    alice.select(&session.id, &first.id).await.unwrap();
    (session, [first, second])
}

#[tokio::test]
async fn tells_of_a_character_its_session_and_what_generations_did() {
    let stage = Stage::new().await;
    let mut witness = Witness::enter(&stage.host).await.unwrap();
    let alice = stage.person();
    let (session, [first, second]) = play(&stage, &alice).await;

    let (character, opened) = witness
        .hear_both::<CharacterCreated, SessionCreated>()
        .await;
    assert_eq!(character.character_id, session.character_id);
    assert!(character.user_id.starts_with("usr_"));
    assert_eq!(opened.session_id, session.id);
    assert_eq!(opened.character_id, session.character_id);
    assert_eq!(opened.user_id, character.user_id);

    let expected = [
        (GenerationKind::Reply, &first, GenerationState::Completed, 2),
        (
            GenerationKind::Regenerate,
            &second,
            GenerationState::Completed,
            3,
        ),
        (
            GenerationKind::Continue,
            &second,
            GenerationState::Failed,
            0,
        ),
    ];
    for (kind, message, state, text_bytes) in expected {
        let started: GenerationStarted = witness.hear_of().await;
        assert_eq!(started.kind(), kind);
        assert_eq!(started.message_id, message.id);
        assert!(!started.model_id.is_empty());
        if text_bytes > 0 {
            let written: MessageWritten = witness.hear_of().await;
            assert_eq!(written.generation_kind(), kind);
            assert_eq!(written.generation_id, started.generation_id);
        }
        let ended = witness.hear().await.unwrap();
        let ended: GenerationEnded = ended.read().unwrap();
        assert_eq!((ended.kind(), ended.state()), (kind, state));
        assert_eq!(ended.generation_id, started.generation_id);
        assert_eq!(ended.model_id, started.model_id);
        assert_eq!(ended.character_id, session.character_id);
        assert_eq!(ended.text_bytes, text_bytes);
        assert_eq!(ended.time_to_first_token.is_some(), text_bytes > 0);
        assert!(ended.start_time.is_some() && ended.end_time.is_some());
        let reason = match state {
            GenerationState::Failed => Reason::ProviderUnavailable,
            _ => Reason::Unspecified,
        };
        assert_eq!(ended.reason(), reason);
    }
    let selected: SwipeSelected = witness.hear_of().await;
    assert_eq!(selected.message_id, first.id);
    assert_eq!(selected.generation_id, first.generation_id);
    assert_eq!(selected.left_message_id, second.id);
    assert!(!selected.left_generation_id.is_empty());
}

#[tokio::test]
async fn tells_of_a_branch_that_a_session_is_turned_to_and_not_of_one_that_it_is_on() {
    let stage = Stage::new().await;
    let mut witness = Witness::enter(&stage.host).await.unwrap();
    let alice = stage.person();
    let session = alice.open_session().await;
    let greeting = alice.path(&session.id).await.remove(0);
    let request = pb::CreateBranchRequest {
        session_id: session.id.clone(),
        branch: Some(pb::Branch {
            head_message_id: greeting.id.clone(),
            title: "Another".to_owned(),
            ..Default::default()
        }),
        request_id: String::new(),
    };
    let made = alice.sessions().create_branch(alice.ask(request)).await;
    let made = made.unwrap().into_inner().branch.unwrap();
    for branch in [&made.id, &session.branch.as_ref().unwrap().id] {
        let request = pb::SelectBranchRequest {
            session_id: session.id.clone(),
            branch_id: branch.clone(),
        };
        let turned = alice.sessions().select_branch(alice.ask(request)).await;
        turned.unwrap();
    }
    // A swipe that the branch goes through already is selected.
    alice.select(&session.id, &greeting.id).await.unwrap();
    let selected: BranchSelected = witness.hear_of().await;
    assert_eq!(selected.branch_id, made.id);
    let selected: BranchSelected = witness.hear_of().await;
    assert_eq!(selected.branch_id, session.branch.unwrap().id);
    turn(&stage, &alice, &session.id, "Hello", "Hi").await;
    let next = witness.hear().await.unwrap();
    assert!(next.read::<MessageWritten>().is_some(), "{next:?}");
}

#[tokio::test]
async fn nothing_changes_that_can_not_be_told() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let reply = turn(&stage, &alice, &session.id, "Hello", "Hi").await;
    silence(&stage.store().await.unwrap().unwrap())
        .await
        .unwrap();

    alice.import(CARD).await.unwrap_err();
    let characters = pb::ListCharactersRequest::default();
    let characters = alice.ask(characters);
    let characters = alice.characters().list_characters(characters).await;
    assert_eq!(characters.unwrap().into_inner().characters.len(), 1);

    let other = opening(pb::Session {
        character_id: session.character_id.clone(),
        ..Default::default()
    });
    let other = alice.sessions().create_session(alice.ask(other)).await;
    other.unwrap_err();
    let sessions = pb::ListSessionsRequest::default();
    let sessions = alice.sessions().list_sessions(alice.ask(sessions)).await;
    assert_eq!(sessions.unwrap().into_inner().sessions.len(), 1);

    let greetings = alice.swipes(&session.id, &reply.parent_message_id).await;
    assert_eq!(greetings.len(), 1);
    let watch = alice.send(&session.id, "Are you there?").await;
    assert!(watch.is_err());
    let greeting = alice.path(&session.id).await.remove(0);
    let greetings = alice.swipes(&session.id, &greeting.id).await;
    alice
        .select(&session.id, &greetings[1].id)
        .await
        .unwrap_err();
    let path = alice.path(&session.id).await;
    assert_eq!(path.last().unwrap().id, reply.id);
    assert!(!stage.was_asked().await);
}

/// What can be told again, by id, in the order in which it was told.
fn retellable(heard: Vec<Heard>) -> Vec<Heard> {
    let mut told = heard;
    told.retain(|heard| heard.read::<SwipeSelected>().is_none());
    told
}

async fn hear_all(witness: &mut Witness, mut until: impl FnMut(&Heard) -> bool) -> Vec<Heard> {
    let mut all = Vec::new();
    loop {
        let heard = witness.hear().await.unwrap();
        let is_last = until(&heard);
        all.push(heard);
        if is_last {
            return all;
        }
    }
}

#[tokio::test]
async fn what_a_consumer_missed_that_came_later_is_told_again_and_had_once() {
    let home = Arc::new(Home::new().await.unwrap());
    let stage = Stage::on(&home, &Config::default()).await;
    let mut witness = Witness::enter(&stage.host).await.unwrap();
    let alice = stage.person();
    let (session, [first, _]) = play(&stage, &alice).await;
    for text in ["Welcome", "Welcome back"] {
        alice.edit(&session.id, &first.id, text).await.unwrap();
    }
    let edited = |heard: &Heard| {
        let written = heard.read::<MessageWritten>();
        written.is_some_and(|written| written.origin() == MessageOrigin::Edited)
    };
    let mut live = hear_all(&mut witness, edited).await;
    // The first edit is lost to who comes later; the two are told apart though the clock stands still.
    let first_edit = live.pop().unwrap();
    live.push(witness.hear().await.unwrap());
    assert_ne!(first_edit.id, live.last().unwrap().id);
    assert!(stage.host.tasks.shut_down(Duration::from_secs(30)).await);

    let stage = Stage::on(&home, &Config::default()).await;
    stage.time().advance(Duration::from_secs(60));
    let mut late = Witness::enter_late(&stage.host).await.unwrap();
    let mut told = Vec::new();
    for _ in 0..2 {
        let progress = std::cell::Cell::new((0, 0));
        let retold =
            service::retell::<Roleplay>(&stage.host, |done, all| progress.set((done, all)));
        told.push(retold.await.unwrap());
        let (done, all) = progress.get();
        assert!(done == all && all > 0, "{done} of {all}");
    }
    // Something new comes behind what was told again.
    let alice = stage.person();
    let new = alice.import(CARD).await.unwrap().character.unwrap();
    let is_new = |heard: &Heard| {
        let created = heard.read::<CharacterCreated>();
        created.is_some_and(|created| created.character_id == new.id)
    };
    let mut heard = hear_all(&mut late, is_new).await;
    heard.pop();
    while heard.len() < live.len() - 1 {
        heard.push(late.hear().await.unwrap());
    }
    let expected = retellable(live);
    assert_eq!(told, [expected.len() as u64; 2]);
    let ids = |events: &[Heard]| {
        let mut ids: Vec<_> = events.iter().map(|heard| (heard.id, heard.time)).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&heard), ids(&expected));
    // Of a key in the order in which it happened, but that an edit comes right behind what it edits.
    let of_session = |events: &[Heard]| {
        let of_session = events.iter().filter(|heard| heard.key == session.id);
        let unedited = of_session.filter(|heard| !edited(heard));
        unedited.map(|heard| heard.id).collect::<Vec<_>>()
    };
    assert_eq!(of_session(&heard), of_session(&expected));
}

#[tokio::test]
async fn who_does_not_ask_for_history_hears_nothing_again() {
    let stage = Stage::new().await;
    let mut witness = Witness::enter(&stage.host).await.unwrap();
    let alice = stage.person();
    let session = alice.open_session().await;
    // Those of different keys come in any order.
    let mut created = 0;
    let are_both_created = |heard: &Heard| {
        created += u32::from(is_creation(heard));
        created == 2
    };
    hear_all(&mut witness, are_both_created).await;
    service::retell::<Roleplay>(&stage.host, |_, _| {})
        .await
        .unwrap();
    let reply = turn(&stage, &alice, &session.id, "Hello", "Hi").await;
    let is_reply = |heard: &Heard| {
        let ended = heard.read::<GenerationEnded>();
        ended.is_some_and(|ended| ended.message_id == reply.id)
    };
    let heard = hear_all(&mut witness, is_reply).await;
    assert_eq!(heard.iter().filter(|heard| is_creation(heard)).count(), 0);
}

/// Whether a character or a session was made.
fn is_creation(heard: &Heard) -> bool {
    heard.read::<SessionCreated>().is_some() || heard.read::<CharacterCreated>().is_some()
}
