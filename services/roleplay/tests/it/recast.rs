//! Sessions that get another character.

use tonic::{Code, Status};
use troupe_proto::roleplay as pb;

use crate::stage::{CARD, Person, Stage, turn};

async fn recast(person: &Person, session: &str, character: &str) -> Result<pb::Session, Status> {
    let request = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            id: session.to_owned(),
            character_id: character.to_owned(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["character_id".to_owned()],
        }),
    };
    let answer = person
        .sessions()
        .update_session(person.ask(request))
        .await?;
    Ok(answer.into_inner().session.unwrap())
}

async fn delete_character(person: &Person, id: &str) {
    let request = pb::DeleteCharacterRequest {
        character_id: id.to_owned(),
        ..Default::default()
    };
    let mut characters = person.characters();
    let deleted = characters.delete_character(person.ask(request)).await;
    deleted.unwrap();
}

#[tokio::test]
async fn a_session_whose_character_was_deleted_gets_another() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    turn(&stage, &alice, &session.id, "Hello", "I am Mira.").await;
    delete_character(&alice, &session.character_id).await;
    let card = CARD.replace("Mira", "Odo").replace("lighthouse", "mill");
    let odo = alice.import(card).await.unwrap().character.unwrap();
    let changed = recast(&alice, &session.id, &odo.id).await.unwrap();
    assert_eq!(changed.character_id, odo.id);
    // The title was the name, and follows it.
    assert_eq!(
        (changed.character_name.as_str(), changed.title.as_str()),
        ("Odo", "Odo")
    );
    let watch = alice.send(&session.id, "And you?").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(prompt.contains("Odo keeps the mill of Varn."), "{prompt}");
    assert!(prompt.contains("I am Mira."), "{prompt}");
    call.say("I am Odo.");
    call.finish();
    let reply = watch.all().await.2.message.unwrap();
    assert_eq!(reply.speaker_name, "Odo");
    assert_eq!(alice.path(&session.id).await[2].speaker_name, "Mira");
}

#[tokio::test]
async fn a_session_goes_on_with_a_newer_import_of_its_character() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let card = CARD.replace("lighthouse", "new lighthouse");
    let newer = alice.import(card).await.unwrap().character.unwrap();
    let changed = recast(&alice, &session.id, &newer.id).await.unwrap();
    assert_eq!(changed.character_id, newer.id);
    let watch = alice.send(&session.id, "Hello").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(prompt.contains("keeps the new lighthouse"), "{prompt}");
    call.say("Hi");
    call.finish();
    watch.all().await;
}

#[tokio::test]
async fn a_session_gets_no_character_of_somebody_else_and_keeps_its_own_title() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await;
    let titled = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            id: session.id.clone(),
            title: "Storm".to_owned(),
            ..Default::default()
        }),
        update_mask: None,
    };
    let titled = alice.sessions().update_session(alice.ask(titled)).await;
    drop(titled.unwrap());
    let theirs = bob.import(CARD).await.unwrap().character.unwrap().id;
    let refused = recast(&alice, &session.id, &theirs).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    // What was read is sent back whole: a character that was deleted is none to change to.
    let kept = recast(&alice, &session.id, "").await.unwrap();
    assert_eq!(kept.character_id, session.character_id);
    let card = CARD.replace("Mira", "Odo");
    let odo = alice.import(card).await.unwrap().character.unwrap();
    let changed = recast(&alice, &session.id, &odo.id).await.unwrap();
    assert_eq!(changed.title, "Storm");
}
