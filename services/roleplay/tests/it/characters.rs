//! Characters: imported, found, changed, exported, deleted.

use serde_json::Value;
use tonic::Code;
use troupe_proto::error::reason_of;
use troupe_proto::{Reason, roleplay as pb};
use troupe_roleplay::domain::card::Card;

use crate::avatars::png;
use crate::stage::{CARD, Person, Stage, opening};

pub(crate) async fn export(
    person: &Person,
    id: &str,
    format: pb::CardFormat,
    spec: pb::CardSpec,
) -> Result<(String, Vec<u8>), tonic::Status> {
    let request = pb::ExportCharacterRequest {
        character_id: id.into(),
        format: format.into(),
        spec: spec.into(),
    };
    let file = person
        .characters()
        .export_character(person.ask(request))
        .await?
        .into_inner()
        .file
        .unwrap();
    Ok((file.content_type, file.data.into()))
}

#[tokio::test]
async fn a_browser_saves_an_export_under_the_name_of_the_character() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let character = alice.import(CARD).await.unwrap().character.unwrap();
    for (format, extension) in [
        (pb::CardFormat::Unspecified, "png"),
        (pb::CardFormat::Json, "json"),
    ] {
        let request = alice.ask(pb::ExportCharacterRequest {
            character_id: character.id.clone(),
            format: format.into(),
            ..pb::ExportCharacterRequest::default()
        });
        let answer = alice.characters().export_character(request).await.unwrap();
        let header = answer.metadata().get("content-disposition").unwrap();
        let expected =
            format!("attachment; filename=\"Mira.{extension}\"; filename*=UTF-8''Mira.{extension}");
        assert_eq!(header.to_str().unwrap(), expected);
    }
}

#[tokio::test]
async fn makes_a_character_that_can_be_exported() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let create = async |name: &str| {
        let request = pb::CreateCharacterRequest {
            character: Some(pb::Character {
                name: name.into(),
                nickname: "Mi".into(),
                first_message: "Come in.".into(),
                alternate_greetings: vec!["You are late.".into()],
                tags: vec!["sea".into()],
                ..Default::default()
            }),
            request_id: "r-1".into(),
        };
        alice
            .characters()
            .create_character(alice.ask(request))
            .await
    };
    let made = create("Mira")
        .await
        .unwrap()
        .into_inner()
        .character
        .unwrap();
    assert_eq!(made.spec(), pb::CardSpec::V3);
    assert!(!made.has_avatar && made.description.is_empty());
    let again = create("Mira")
        .await
        .unwrap()
        .into_inner()
        .character
        .unwrap();
    assert_eq!(again, made);
    let reused = create("Ada").await.unwrap_err();
    assert_eq!(reason_of(&reused), Some(Reason::RequestIdReused));
    assert_eq!(find(&alice, "sea").await, ["Mira"]);

    let (_, json) = export(
        &alice,
        &made.id,
        pb::CardFormat::Json,
        pb::CardSpec::Unspecified,
    )
    .await
    .unwrap();
    let bob = stage.person();
    let imported = bob.import(json).await.unwrap();
    assert_eq!(imported.warnings, Vec::<String>::new());
    let copy = imported.character.unwrap();
    assert_eq!((copy.name, copy.nickname), (made.name, made.nickname));
    assert_eq!(copy.alternate_greetings, made.alternate_greetings);
    assert_eq!(copy.first_message, "Come in.");

    let request = opening(pb::Session {
        character_id: made.id,
        ..Default::default()
    });
    let opened = alice.sessions().create_session(alice.ask(request)).await;
    let opened = opened.unwrap().into_inner();
    assert_eq!(opened.greeting.unwrap().text, "Come in.");
}

#[tokio::test]
async fn makes_no_character_without_a_name() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let request = pb::CreateCharacterRequest {
        character: Some(pb::Character::default()),
        request_id: String::new(),
    };
    let request = alice.ask(request);
    let refused = alice.characters().create_character(request).await;
    assert_eq!(reason_of(&refused.unwrap_err()), Some(Reason::CardInvalid));
}

#[tokio::test]
async fn lists_what_is_short_or_everything() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let whole = alice.import(CARD).await.unwrap().character.unwrap();
    let list = async |view: pb::CharacterView| {
        let request = pb::ListCharactersRequest {
            view: view.into(),
            ..Default::default()
        };
        let page = alice.characters().list_characters(alice.ask(request)).await;
        page.unwrap().into_inner().characters.remove(0)
    };
    let basic = list(pb::CharacterView::Basic).await;
    assert_eq!(list(pb::CharacterView::Unspecified).await, basic);
    assert_eq!(
        (&basic.name, &basic.tags, basic.book_entry_count),
        (&whole.name, &whole.tags, 1)
    );
    assert!(basic.description.is_empty() && basic.first_message.is_empty());
    assert!(basic.alternate_greetings.is_empty() && basic.card.is_none());
    assert_eq!(list(pb::CharacterView::Full).await, whole);
}

pub(crate) async fn find(person: &Person, query: &str) -> Vec<String> {
    let request = pb::ListCharactersRequest {
        query: query.into(),
        ..pb::ListCharactersRequest::default()
    };
    let found = person
        .characters()
        .list_characters(person.ask(request))
        .await
        .unwrap()
        .into_inner();
    found
        .characters
        .into_iter()
        .map(|character| character.name)
        .collect()
}

#[tokio::test]
async fn imports_json_and_exports_it_with_all_that_is_unknown() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let imported = alice.import(CARD).await.unwrap();
    assert_eq!(imported.warnings, Vec::<String>::new());
    let character = imported.character.unwrap();
    assert_eq!(
        (character.name.as_str(), character.creator.as_str()),
        ("Mira", "Troupe")
    );
    assert_eq!(
        (character.book_entry_count, character.has_avatar),
        (1, false)
    );
    assert_eq!(character.spec(), pb::CardSpec::V2);
    assert_eq!(character.alternate_greetings.len(), 2);
    let data = character.card.as_ref().unwrap().fields["data"].clone();
    assert!(format!("{data:?}").contains("unknown/tool"));
    let get = alice.ask(pb::GetCharacterRequest {
        character_id: character.id.clone(),
    });
    assert_eq!(
        alice
            .characters()
            .get_character(get)
            .await
            .unwrap()
            .into_inner()
            .character
            .unwrap(),
        character
    );

    let (kind, json) = export(
        &alice,
        &character.id,
        pb::CardFormat::Json,
        pb::CardSpec::Unspecified,
    )
    .await
    .unwrap();
    assert_eq!(kind, "application/json");
    let (before, after): (Value, Value) = (
        CARD.parse().unwrap(),
        serde_json::from_slice(&json).unwrap(),
    );
    assert_eq!(before, after);
    let (_, json) = export(
        &alice,
        &character.id,
        pb::CardFormat::Json,
        pb::CardSpec::V3,
    )
    .await
    .unwrap();
    let v3: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        (v3["spec"].as_str(), &v3["data"]["extensions"]),
        (Some("chara_card_v3"), &before["data"]["extensions"])
    );
    let status = export(&alice, &character.id, pb::CardFormat::Png, pb::CardSpec::V1)
        .await
        .err()
        .unwrap();
    assert_eq!(
        (status.code(), reason_of(&status)),
        (Code::InvalidArgument, Some(Reason::CardInvalid))
    );

    let (kind, file) = export(
        &alice,
        &character.id,
        pb::CardFormat::Unspecified,
        pb::CardSpec::Unspecified,
    )
    .await
    .unwrap();
    assert_eq!(kind, "image/png");
    let again = alice.import(file).await.unwrap().character.unwrap();
    assert!(again.has_avatar);
    assert_eq!(again.description, character.description);
}

#[tokio::test]
async fn refuses_hostile_files_and_stores_nothing() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mut bad_crc = png();
    let middle = bad_crc.len() / 2;
    bad_crc[middle] ^= 1;
    let mut cut_short = png();
    cut_short.truncate(cut_short.len() - 20);
    let deep = format!(
        "{{\"name\":\"x\",\"description\":\"\",\"first_mes\":{}{}}}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let numbers = vec!["1e9"; 400_000].join(",");
    let growing = format!(
        "{{\"name\":\"x\",\"description\":\"\",\"first_mes\":\"\",\"numbers\":[{numbers}]}}"
    );
    let nul = CARD.replace("calm", "ca\\u0000lm");
    let nameless = CARD.replace("Mira", " ");
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("text", b"hello".to_vec()),
        ("list", b"[]".to_vec()),
        ("no card", b"{}".to_vec()),
        ("bad crc", bad_crc),
        ("cut short", cut_short),
        ("no card in it", Card::blank_png()),
        ("deep", deep.into_bytes()),
        ("growing", growing.into_bytes()),
        ("nul", nul.into_bytes()),
        ("nameless", nameless.into_bytes()),
        ("large", vec![b' '; (16 << 20) + 1]),
    ];
    for (what, file) in files {
        let status = alice
            .import(file)
            .await
            .err()
            .unwrap_or_else(|| panic!("{what} was taken"));
        assert_eq!(
            (status.code(), reason_of(&status)),
            (Code::InvalidArgument, Some(Reason::CardInvalid)),
            "{what}"
        );
    }
    assert_eq!(find(&alice, "").await.len(), 0);
    assert_eq!(stage.avatar_files(), 0);
}

#[tokio::test]
async fn takes_a_card_with_longer_texts_than_may_be_typed_in() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let name = "Mira ".repeat(100);
    let description = "All about the sea. ".repeat(50_000);
    let card = CARD
        .replace("Mira", &name)
        .replace("{{char}} keeps the lighthouse of Varn.", &description);
    let character = alice.import(card).await.unwrap().character.unwrap();
    assert_eq!(character.description.len(), description.len());
    assert_eq!(character.name, name);
}

#[tokio::test]
async fn finds_words_in_name_creator_and_tags_whatever_their_case() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    alice.import(CARD).await.unwrap();
    alice.import(CARD.replace("Mira", "Öresund")).await.unwrap();
    bob.import(CARD.replace("Mira", "Mirabel")).await.unwrap();
    assert_eq!(find(&alice, "").await, ["Öresund", "Mira"]);
    assert_eq!(find(&alice, "mIR").await, ["Mira"]);
    assert_eq!(find(&alice, "öre TROUPE").await, ["Öresund"]);
    assert_eq!(find(&alice, "sea mira").await, ["Mira"]);
    assert_eq!(find(&alice, "quiet_100%").await.len(), 2);
    for nothing in ["%", "m_ra", "quiet-100", "lighthouse", "\\"] {
        let expected = usize::from(nothing == "%") * 2;
        assert_eq!(find(&alice, nothing).await.len(), expected, "{nothing}");
    }
}

#[tokio::test]
async fn lists_by_pages_that_belong_to_their_search() {
    let stage = Stage::new().await;
    let alice = stage.person();
    for name in ["A1", "A2", "A3", "B"] {
        alice.import(CARD.replace("Mira", name)).await.unwrap();
    }
    let list = async |query: &str, token: &str| {
        let request = pb::ListCharactersRequest {
            query: query.into(),
            page_size: 2,
            page_token: token.into(),
            ..Default::default()
        };
        alice
            .characters()
            .list_characters(alice.ask(request))
            .await
            .map(|answer| answer.into_inner())
    };
    let first = list("a", "").await.unwrap();
    let names = |page: &pb::ListCharactersResponse| {
        page.characters
            .iter()
            .map(|c| c.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["B", "A3"], "all have the tag sea");
    let second = list("a", &first.next_page_token).await.unwrap();
    assert_eq!(
        (names(&second), second.next_page_token.as_str()),
        (vec!["A2".into(), "A1".into()], "")
    );
    let status = list("b", &first.next_page_token).await.err().unwrap();
    assert_eq!(reason_of(&status), Some(Reason::PageTokenInvalid));
}
