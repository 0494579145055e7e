//! Every method, called by nobody and by a stranger.

use std::collections::BTreeMap;

use testkit::access::Named;
use troupe_proto::roleplay::{self as pb, ParticipantRole as Role};

use crate::card_files::{card_with_assets, charx};
use crate::stage::{CARD, Person, Stage, turn};

/// The ids of things that are Alice's, by the fields that name them.
async fn things_of(stage: &Stage, alice: &Person) -> Named {
    let session = alice.open_session().await;
    let reply = turn(stage, alice, &session.id, "Hello", "Hi").await;
    let persona = pb::Persona {
        name: "Ada".into(),
        ..Default::default()
    };
    let request = alice.ask(pb::CreatePersonaRequest {
        persona: Some(persona),
        ..Default::default()
    });
    let persona = alice.personas().create_persona(request).await.unwrap();
    let bookmark = alice
        .bookmark(&session.id, &reply.id, "Mine")
        .await
        .unwrap();
    let book = alice.lorebook("Mine").await;
    alice.entry(&book.id, "mine", "Only mine.").await;
    let note = alice.note(&session.id, "Mine.", false).await;
    let invitation = alice.invite(&session.id, pb::Invitation::default()).await;
    let archive = alice.import(charx(&card_with_assets())).await.unwrap();
    let asset = archive.character.unwrap().assets.remove(0);
    let scenario = pb::Scenario {
        name: "Mine".into(),
        lorebook_ids: vec![book.id.clone()],
        ..Default::default()
    };
    let scenario = alice.scenario(scenario).await.unwrap();
    // It is private: the link leads nowhere.
    let link = alice.link_to_scenario(&scenario.id).await;
    BTreeMap::from([
        ("character_id", session.character_id),
        ("asset_id", asset.id),
        ("persona_id", persona.into_inner().persona.unwrap().id),
        ("branch_id", session.branch.unwrap().id),
        ("session_id", session.id),
        ("head_message_id", reply.id.clone()),
        ("message_id", reply.id),
        ("generation_id", reply.generation_id),
        ("memory_id", note.id),
        ("bookmark_id", bookmark.id),
        ("participant_id", session.participant_id),
        ("invitation_id", invitation.unwrap().invitation.unwrap().id),
        ("lorebook_id", book.id.clone()),
        ("scenario_id", scenario.id),
        ("share_link_id", link.id),
        ("share_token", link.share_token),
    ])
}

/// Values of fields that name nothing.
const TEXTS: [(&str, &str); 5] = [
    ("entry_id", "0"),
    ("text", "Mine"),
    ("name", "Mine"),
    ("query", "Mine"),
    ("data", CARD),
];

#[tokio::test]
async fn nobody_and_strangers_reach_nothing() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let things = things_of(&stage, &alice).await;
    let session = &things["session_id"];
    let before = alice.path(session).await;
    let named = Named::from(TEXTS.map(|(field, text)| (field, text.to_owned())));
    stage.lets_nobody_in(&bob.0, &named).await;
    let bob = async || bob.0.clone();
    stage.shows_strangers_nothing(bob, &things, &named).await;
    assert_eq!(alice.path(session).await, before);
    assert!(!stage.was_asked().await);
}

/// What a spectator may call with the ids of a session and of what is in it.
const OF_SPECTATORS: [&str; 25] = [
    "GetSession",
    "LeaveSession",
    "GetBranch",
    "ListBranches",
    "GetMessage",
    "ListMessages",
    "ListSwipes",
    "SearchMessages",
    "GetGeneration",
    "ListGenerations",
    "WatchGeneration",
    "GetGenerationReceipt",
    "ListMemories",
    "GetMemory",
    "SearchMemories",
    "ListCastMembers",
    "GetCastMember",
    "GetParticipant",
    "ListParticipants",
    "CreateBookmark",
    "ListBookmarks",
    "GetCharacter",
    "GetAvatar",
    "GetSessionScenario",
    // One of their own, of what they see.
    "CreateScenarioFromSession",
];

#[tokio::test]
async fn who_only_watches_changes_nothing() {
    let stage = Stage::new().await;
    let (alice, eve) = (stage.person(), stage.person());
    let mut things = things_of(&stage, &alice).await;
    let session = things["session_id"].clone();
    alice.let_in(&session, &eve, Role::Spectator).await;
    // It would be theirs to open.
    things.remove("share_token");
    let before = (
        alice.path(&session).await,
        alice.people(&session).await.unwrap(),
    );
    let named = Named::from(TEXTS.map(|(field, text)| (field, text.to_owned())));
    stage
        .refuses_all_but(&OF_SPECTATORS, &eve.0, &things, &named)
        .await;
    let after = (
        alice.path(&session).await,
        alice.people(&session).await.unwrap(),
    );
    assert_eq!(after, before);
    assert!(!stage.was_asked().await);
}

#[tokio::test]
async fn a_fault_of_the_store_is_logged_once_with_the_request_that_met_it() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let path = "/troupe.roleplay.v1.PersonaService/ListPersonas";
    stage.logs_a_fault_once(&alice.0, path, "personas").await;
}
