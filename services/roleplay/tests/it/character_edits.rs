//! Characters that are changed, by one hand or by two.

use prost_types::FieldMask;
use serde_json::Value;
use tonic::Code;
use troupe_proto::error::reason_of;
use troupe_proto::{Reason, roleplay as pb};

use crate::avatars::{avatar, png};
use crate::characters::{export, find};
use crate::stage::{CARD, Stage, tick};

#[tokio::test]
async fn changes_texts_and_leaves_the_rest_of_the_card() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let character = alice.import(CARD).await.unwrap().character.unwrap();
    tick(&stage);
    let change = async |character: pb::Character, paths: &[&str]| {
        let mask = FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let request = pb::UpdateCharacterRequest {
            character: Some(character),
            update_mask: Some(mask),
        };
        let answer = alice
            .characters()
            .update_character(alice.ask(request))
            .await?;
        Ok::<_, tonic::Status>(answer.into_inner().character.unwrap())
    };
    let wanted = pb::Character {
        name: "Mira of Varn".into(),
        personality: String::new(),
        tags: vec!["fire".into()],
        description: "ignored".into(),
        ..character.clone()
    };
    let changed = change(wanted.clone(), &["name", "personality", "tags"])
        .await
        .unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.personality.as_str()),
        ("Mira of Varn", "")
    );
    assert_eq!(changed.description, character.description);
    assert!(changed.update_time.unwrap().seconds > changed.create_time.unwrap().seconds);
    assert_eq!(find(&alice, "fire").await, ["Mira of Varn"]);
    assert_eq!(find(&alice, "sea").await.len(), 0);
    let (_, json) = export(
        &alice,
        &character.id,
        pb::CardFormat::Json,
        pb::CardSpec::Unspecified,
    )
    .await
    .unwrap();
    let (before, after): (Value, Value) = (
        CARD.parse().unwrap(),
        serde_json::from_slice(&json).unwrap(),
    );
    assert_eq!(before["data"]["extensions"], after["data"]["extensions"]);
    assert_eq!(
        before["data"]["character_book"],
        after["data"]["character_book"]
    );

    for path in [
        "id",
        "card",
        "has_avatar",
        "create_time",
        "book_entry_count",
        "nothing",
    ] {
        assert_eq!(
            change(wanted.clone(), &[path]).await.err().unwrap().code(),
            Code::InvalidArgument,
            "{path}"
        );
    }
    let blank = pb::Character {
        name: " ".into(),
        etag: String::new(),
        ..wanted
    };
    let status = change(blank, &["name"]).await.err().unwrap();
    assert_eq!(reason_of(&status), Some(Reason::CardInvalid));
}

#[tokio::test]
async fn an_edit_is_in_the_next_prompt() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    tick(&stage);
    let id = session.character_id.clone();
    let character = pb::Character {
        id,
        description: "{{char}} keeps bees.".into(),
        ..Default::default()
    };
    let request = pb::UpdateCharacterRequest {
        character: Some(character),
        update_mask: None,
    };
    alice
        .characters()
        .update_character(alice.ask(request))
        .await
        .unwrap();
    let watch = alice.send(&session.id, "Hello").await.unwrap();
    let call = stage.call().await;
    assert!(
        call.prompt().contains("Mira keeps bees."),
        "{}",
        call.prompt()
    );
    call.finish();
    watch.all().await;
}

#[tokio::test]
async fn changes_and_deletes_what_was_seen_and_nothing_newer() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.import(png()).await.unwrap().character.unwrap();
    let change = async |creator: &str, etag: &str| {
        let request = pb::UpdateCharacterRequest {
            character: Some(pb::Character {
                id: mira.id.clone(),
                creator: creator.into(),
                etag: etag.into(),
                ..Default::default()
            }),
            update_mask: None,
        };
        let request = alice.ask(request);
        let answer = alice.characters().update_character(request).await?;
        Ok::<_, tonic::Status>(answer.into_inner().character.unwrap())
    };
    let delete = async |etag: &str| {
        let request = pb::DeleteCharacterRequest {
            character_id: mira.id.clone(),
            etag: etag.into(),
        };
        alice
            .characters()
            .delete_character(alice.ask(request))
            .await
    };
    let second = change("Ann", &mira.etag).await.unwrap();
    assert_ne!(second.etag, mira.etag);
    for refused in [
        change("Bob", &mira.etag).await.err(),
        delete(&mira.etag).await.err(),
    ] {
        let status = refused.unwrap();
        assert_eq!(status.code(), Code::Aborted);
        assert_eq!(reason_of(&status), Some(Reason::EtagMismatch));
    }
    // What was refused took nothing away.
    avatar(&alice, &mira.id).await.unwrap();
    assert_eq!(change("Cid", "").await.unwrap().creator, "Cid");
    let third = change("Cid", "").await.unwrap();
    delete(&third.etag).await.unwrap();
}

#[tokio::test]
async fn a_character_of_a_list_clears_no_text_that_the_list_leaves_out() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let whole = alice.import(CARD).await.unwrap().character.unwrap();
    let list = alice.ask(pb::ListCharactersRequest::default());
    let listed = alice.characters().list_characters(list).await.unwrap();
    let listed = listed.into_inner().characters.remove(0);
    let change = async |character: pb::Character, paths: &[&str]| {
        let request = pb::UpdateCharacterRequest {
            character: Some(character),
            update_mask: Some(FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
        };
        let answer = alice
            .characters()
            .update_character(alice.ask(request))
            .await?;
        Ok::<_, tonic::Status>(answer.into_inner().character.unwrap())
    };
    for left_out in [
        "*",
        "description",
        "first_message",
        "alternate_greetings",
        "creator_notes",
    ] {
        let refused = change(listed.clone(), &["nickname", left_out]).await;
        let reason = reason_of(&refused.err().unwrap());
        assert_eq!(reason, Some(Reason::EtagMismatch), "{left_out}");
    }
    let named = pb::Character {
        nickname: "Mi".into(),
        ..listed
    };
    let shown = ["name", "nickname", "tags", "creator", "character_version"];
    let changed = change(named.clone(), &shown).await.unwrap();
    assert_eq!(
        (changed.nickname.as_str(), &changed.description),
        ("Mi", &whole.description)
    );
    // It has changed since.
    let refused = change(named, &["nickname"]).await;
    let reason = reason_of(&refused.err().unwrap());
    assert_eq!(reason, Some(Reason::EtagMismatch));

    let list = alice.ask(pb::ListCharactersRequest::default());
    let listed = alice.characters().list_characters(list).await.unwrap();
    let delete = pb::DeleteCharacterRequest {
        character_id: changed.id,
        etag: listed.into_inner().characters[0].etag.clone(),
    };
    let deleted = alice.characters().delete_character(alice.ask(delete)).await;
    deleted.unwrap();
}
