//! Requests that make something, and come again: the first one's thing is the answer, and no second one is there.

use std::sync::Arc;

use futures::future::join_all;
use platform::id::UserId;
use testkit::Home;
use testkit::servers::Postgres;
use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::google::api::HttpBody;
use troupe_proto::roleplay as pb;
use troupe_roleplay::Config;

use crate::stage::{CARD, Person, Stage};

const ID: &str = "r-1";

async fn persona(person: &Person, name: &str) -> Result<pb::Persona, Status> {
    let request = pb::CreatePersonaRequest {
        persona: Some(pb::Persona {
            name: name.into(),
            ..Default::default()
        }),
        request_id: ID.into(),
    };
    let answer = person.personas().create_persona(person.ask(request)).await;
    Ok(answer?.into_inner().persona.unwrap())
}

async fn import(person: &Person, card: &str) -> Result<pb::ImportCharacterResponse, Status> {
    let request = pb::ImportCharacterRequest {
        file: Some(HttpBody {
            data: card.as_bytes().to_vec().into(),
            ..Default::default()
        }),
        request_id: ID.into(),
        ..Default::default()
    };
    let mut characters = person.characters();
    let answer = characters.import_character(person.ask(request)).await;
    Ok(answer?.into_inner())
}

async fn open(
    person: &Person,
    character: &str,
    title: &str,
) -> Result<pb::CreateSessionResponse, Status> {
    let request = pb::CreateSessionRequest {
        session: Some(pb::Session {
            character_id: character.into(),
            title: title.into(),
            ..Default::default()
        }),
        request_id: ID.into(),
        ..Default::default()
    };
    let answer = person.sessions().create_session(person.ask(request)).await;
    Ok(answer?.into_inner())
}

async fn branch(person: &Person, session: &str, message: &str) -> Result<pb::Branch, Status> {
    let request = pb::CreateBranchRequest {
        session_id: session.into(),
        branch: Some(pb::Branch {
            head_message_id: message.into(),
            ..Default::default()
        }),
        request_id: ID.into(),
    };
    let answer = person.sessions().create_branch(person.ask(request)).await;
    Ok(answer?.into_inner().branch.unwrap())
}

async fn note(person: &Person, session: &str, text: &str) -> Result<pb::Memory, Status> {
    let request = pb::CreateMemoryRequest {
        session_id: session.into(),
        memory: Some(pb::Memory {
            text: text.into(),
            ..Default::default()
        }),
        request_id: ID.into(),
    };
    let answer = person.memories().create_memory(person.ask(request)).await;
    Ok(answer?.into_inner().memory.unwrap())
}

fn assert_reused<T>(answer: Result<T, Status>) {
    let status = answer.err().unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason_of(&status), Some(Reason::RequestIdReused));
}

#[tokio::test]
async fn a_repeat_gets_what_the_first_made() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let ada = persona(&alice, "Ada").await.unwrap();
    assert_eq!(persona(&alice, "Ada").await.unwrap(), ada);

    let imported = import(&alice, CARD).await.unwrap();
    assert_eq!(import(&alice, CARD).await.unwrap(), imported);

    let character = imported.character.unwrap().id;
    let opened = open(&alice, &character, "").await.unwrap();
    assert_eq!(open(&alice, &character, "").await.unwrap(), opened);
    let (session, greeting) = (opened.session.unwrap().id, opened.greeting.unwrap().id);

    let made = branch(&alice, &session, &greeting).await.unwrap();
    assert_eq!(branch(&alice, &session, &greeting).await.unwrap(), made);
    let noted = note(&alice, &session, "A storm is near.").await.unwrap();
    let again = note(&alice, &session, "A storm is near.").await.unwrap();
    assert_eq!(again.id, noted.id);

    let personas = pb::ListPersonasRequest::default();
    let personas = alice.personas().list_personas(alice.ask(personas)).await;
    assert_eq!(personas.unwrap().into_inner().personas.len(), 1);
    let sessions = pb::ListSessionsRequest::default();
    let sessions = alice.sessions().list_sessions(alice.ask(sessions)).await;
    assert_eq!(sessions.unwrap().into_inner().sessions.len(), 1);
    let characters = pb::ListCharactersRequest::default();
    let mut api = alice.characters();
    let characters = api.list_characters(alice.ask(characters)).await;
    assert_eq!(characters.unwrap().into_inner().characters.len(), 1);
}

#[tokio::test]
async fn repeats_at_the_same_time_make_one() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let imports = join_all((0..4).map(|_| import(&alice, CARD))).await;
    let ids: Vec<_> = imports
        .into_iter()
        .map(|it| it.unwrap().character.unwrap().id)
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let opened = join_all((0..4).map(|_| open(&alice, &ids[0], ""))).await;
    let opened: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
    assert!(opened.iter().all(|it| *it == opened[0]));
}

#[tokio::test]
async fn repeats_through_two_replicas_make_one() {
    let home = Arc::new(Home::on(Postgres::shared().await.unwrap()).unwrap());
    let config = Config::default();
    let stages = [
        Stage::on(&home, &config).await,
        Stage::on(&home, &config).await,
    ];
    let user = UserId::new();
    let people = stages.each_ref().map(|stage| stage.person_with(user));
    let personas = join_all(people.iter().map(|alice| persona(alice, "Ada"))).await;
    let [one, other] = &personas[..] else {
        panic!("two were asked for")
    };
    assert_eq!(one.as_ref().unwrap(), other.as_ref().unwrap());
    let character = import(&people[0], CARD).await.unwrap().character.unwrap();
    let repeat = import(&people[1], CARD).await.unwrap().character.unwrap();
    assert_eq!(repeat, character);
    assert_reused(persona(&people[1], "Bea").await);
}

#[tokio::test]
async fn another_request_under_the_same_id_is_refused() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    persona(&alice, "Ada").await.unwrap();
    assert_reused(persona(&alice, "Bea").await);
    // The id is the person's own, and the method's.
    persona(&bob, "Bea").await.unwrap();
    let character = import(&alice, CARD).await.unwrap().character.unwrap().id;
    let opened = open(&alice, &character, "One").await.unwrap();
    assert_reused(open(&alice, &character, "Two").await);
    let session = opened.session.unwrap().id;
    note(&alice, &session, "One").await.unwrap();
    assert_reused(note(&alice, &session, "Two").await);
    // And that of what it is in.
    let other = alice.open_session().await.id;
    assert_eq!(note(&alice, &other, "Two").await.unwrap().text, "Two");
}

#[tokio::test]
async fn what_a_request_made_and_is_gone_is_not_made_again() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let ada = persona(&alice, "Ada").await.unwrap();
    let delete = pb::DeletePersonaRequest {
        persona_id: ada.id,
        ..Default::default()
    };
    let delete = alice.personas().delete_persona(alice.ask(delete)).await;
    delete.unwrap();
    let repeat = persona(&alice, "Ada").await.err().unwrap();
    assert_eq!(repeat.code(), Code::NotFound);
}

#[tokio::test]
async fn an_id_is_forgotten_after_two_days_of_use() {
    let stage = Stage::new().await;
    let user = UserId::new();
    let hours = |count: u64| std::time::Duration::from_secs(count * 3600);
    let first = persona(&stage.person_with(user), "Ada").await.unwrap();
    stage.time().advance(hours(47));
    // Logged in anew: tokens don't last that long.
    let alice = stage.person_with(user);
    import(&alice, CARD).await.unwrap();
    assert_eq!(persona(&alice, "Ada").await.unwrap(), first);
    stage.time().advance(hours(2));
    let alice = stage.person_with(user);
    note(&alice, &alice.open_session().await.id, "Hello")
        .await
        .unwrap();
    assert_ne!(persona(&alice, "Ada").await.unwrap().id, first.id);
}
