//! Personas.

use prost_types::FieldMask;
use tonic::Code;
use troupe_proto::error::reason_of;
use troupe_proto::{Reason, roleplay as pb};

use crate::stage::{Person, Stage, tick};

async fn create(person: &Person, name: &str) -> Result<pb::Persona, tonic::Status> {
    let persona = pb::Persona {
        name: name.into(),
        description: "Somebody.".into(),
        ..Default::default()
    };
    let request = person.ask(pb::CreatePersonaRequest {
        persona: Some(persona),
        ..Default::default()
    });
    Ok(person
        .personas()
        .create_persona(request)
        .await?
        .into_inner()
        .persona
        .unwrap())
}

#[tokio::test]
async fn changes_what_is_named_or_else_what_is_set() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let ada = create(&alice, "Ada").await.unwrap();
    tick(&stage);
    let change = async |name: &str, paths: &[&str]| {
        let persona = pb::Persona {
            id: ada.id.clone(),
            name: name.into(),
            ..Default::default()
        };
        let mask = FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let request = pb::UpdatePersonaRequest {
            persona: Some(persona),
            update_mask: Some(mask),
        };
        let answer = alice.personas().update_persona(alice.ask(request)).await?;
        Ok::<_, tonic::Status>(answer.into_inner().persona.unwrap())
    };
    let changed = change("Ada L.", &[]).await.unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.description.as_str()),
        ("Ada L.", "Somebody.")
    );
    assert!(changed.update_time.unwrap().seconds > changed.create_time.unwrap().seconds);
    let changed = change("ignored", &["description"]).await.unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.description.as_str()),
        ("Ada L.", "")
    );
    assert_eq!(
        change(" ", &["name"]).await.err().unwrap().code(),
        Code::InvalidArgument
    );
    assert_eq!(
        change("x", &["create_time"]).await.err().unwrap().code(),
        Code::InvalidArgument
    );
    let get = alice.ask(pb::GetPersonaRequest {
        persona_id: ada.id.clone(),
    });
    assert_eq!(
        alice
            .personas()
            .get_persona(get)
            .await
            .unwrap()
            .into_inner()
            .persona
            .unwrap(),
        changed
    );
}

#[tokio::test]
async fn refuses_blank_names_and_nul() {
    let stage = Stage::new().await;
    let alice = stage.person();
    for name in ["", "  ", "A\0da"] {
        assert_eq!(
            create(&alice, name).await.err().unwrap().code(),
            Code::InvalidArgument,
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn lists_the_newest_first_by_pages() {
    let stage = Stage::new().await;
    let alice = stage.person();
    for name in ["A", "B", "C"] {
        create(&alice, name).await.unwrap();
    }
    let first = pb::ListPersonasRequest {
        page_size: 2,
        page_token: String::new(),
    };
    let first = alice
        .personas()
        .list_personas(alice.ask(first))
        .await
        .unwrap()
        .into_inner();
    let rest = pb::ListPersonasRequest {
        page_size: 2,
        page_token: first.next_page_token,
    };
    let rest = alice
        .personas()
        .list_personas(alice.ask(rest))
        .await
        .unwrap()
        .into_inner();
    let names: Vec<String> = first
        .personas
        .into_iter()
        .chain(rest.personas)
        .map(|persona| persona.name)
        .collect();
    assert_eq!(names, ["C", "B", "A"]);
    assert_eq!(rest.next_page_token, "");
}

#[tokio::test]
async fn changes_and_deletes_what_was_seen_and_nothing_newer() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let ada = create(&alice, "Ada").await.unwrap();
    let change = async |name: &str, etag: &str| {
        let request = pb::UpdatePersonaRequest {
            persona: Some(pb::Persona {
                id: ada.id.clone(),
                name: name.into(),
                etag: etag.into(),
                ..Default::default()
            }),
            update_mask: Some(FieldMask {
                paths: vec!["etag".into(), "name".into()],
            }),
        };
        let answer = alice.personas().update_persona(alice.ask(request)).await?;
        Ok::<_, tonic::Status>(answer.into_inner().persona.unwrap())
    };
    let delete = async |etag: &str| {
        let request = pb::DeletePersonaRequest {
            persona_id: ada.id.clone(),
            etag: etag.into(),
        };
        alice.personas().delete_persona(alice.ask(request)).await
    };
    // No time passes, and yet each state has an etag of its own.
    let second = change("Ada L.", &ada.etag).await.unwrap();
    assert_ne!(second.etag, ada.etag);
    for refused in [
        change("Lost", &ada.etag).await.err(),
        change("Lost", "made up").await.err(),
        delete(&ada.etag).await.err(),
    ] {
        let status = refused.unwrap();
        assert_eq!(status.code(), Code::Aborted);
        assert_eq!(reason_of(&status), Some(Reason::EtagMismatch));
    }
    let third = change("Countess", "").await.unwrap();
    assert_eq!(third.name, "Countess");
    delete(&third.etag).await.unwrap();
}
