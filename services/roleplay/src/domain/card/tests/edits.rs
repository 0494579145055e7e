use serde_json::json;

use super::{super::*, read, v2};
use crate::domain::role::Role;

#[test]
fn an_edit_changes_its_field_and_nothing_else() {
    let mut card = read(&v2());
    card.apply(&CardPatch::default().text(TextField::Description, "new"))
        .unwrap();
    let mut expected = v2();
    expected["data"]["description"] = json!("new");
    assert_eq!(card.to_json(Spec::V2).unwrap(), expected.to_string());
}

#[test]
fn an_edit_reaches_the_copy_at_the_root() {
    let mut document = v2();
    document["first_mes"] = json!("The lamp is lit.");
    document["description"] = json!("something else");
    let mut card = read(&document);
    let patch = CardPatch::default()
        .text(TextField::FirstMes, "Hm.")
        .text(TextField::Description, "new");
    card.apply(&patch).unwrap();
    assert_eq!(card.document()["first_mes"], "Hm.");
    assert_eq!(card.document()["description"], "something else");
}

#[test]
fn a_v1_card_is_raised_when_an_edit_needs_it() {
    let mut card = read(&json!({"name": "Wren", "first_mes": "hi", "own": 1}));
    card.apply(&CardPatch::default().text(TextField::FirstMes, "hello"))
        .unwrap();
    assert_eq!(card.spec(), Spec::V1);
    card.apply(&CardPatch {
        tags: Some(vec!["sea".into()]),
        ..CardPatch::default()
    })
    .unwrap();
    assert_eq!(card.spec(), Spec::V2);
    card.apply(&CardPatch::default().text(TextField::Nickname, "Bird"))
        .unwrap();
    assert_eq!(card.spec(), Spec::V3);
    assert_eq!(
        (card.greetings(), card.tags()),
        (vec!["hello".into()], vec!["sea".into()])
    );
    assert_eq!(card.document()["own"], 1);
}

#[test]
fn an_edit_that_changes_nothing_leaves_the_card_as_it_was() {
    let flat = json!({"name": "Wren", "first_mes": "hi", "tags": "sea, fog", "nickname": ""});
    for document in [flat, v2()] {
        let mut card = read(&document);
        let patch = CardPatch {
            alternate_greetings: Some(owned(card.alternate_greetings())),
            group_only_greetings: Some(Vec::new()),
            tags: Some(owned(card.tags())),
            ..TextField::ALL
                .iter()
                .fold(CardPatch::default(), |patch, field| {
                    patch.text(*field, card.text(*field))
                })
        };
        card.apply(&patch).unwrap();
        assert_eq!(Value::Object(card.document().clone()), document);
    }
}

fn owned(texts: Vec<std::borrow::Cow<'_, str>>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

#[test]
fn sets_and_takes_away_the_note_and_the_book() {
    let mut card = read(&v2());
    let note = DepthPrompt {
        text: "stay calm".into(),
        depth: 2,
        role: Role::User,
    };
    let book = json!({"entries": []});
    let patch = CardPatch {
        depth_prompt: Some(Some(note.clone())),
        character_book: Some(Some(book.clone())),
        ..CardPatch::default()
    };
    card.apply(&patch).unwrap();
    assert_eq!(card.depth_prompt(), Some(note));
    assert_eq!(card.character_book_json(), Some(&book));
    assert!(card.extensions().unwrap().contains_key("x"));
    let patch = CardPatch {
        depth_prompt: Some(None),
        character_book: Some(None),
        ..CardPatch::default()
    };
    card.apply(&patch).unwrap();
    assert_eq!((card.depth_prompt(), card.character_book()), (None, None));
}

#[test]
fn a_refused_edit_leaves_the_card_as_it_was() {
    let mut card = read(&v2());
    let before = card.clone();
    let blank = CardPatch::default()
        .text(TextField::Scenario, "x")
        .text(TextField::Name, " ");
    assert_eq!(card.apply(&blank), Err(CardError::Nameless));
    let nul = CardPatch::default().text(TextField::Scenario, "a\0b");
    assert_eq!(card.apply(&nul), Err(CardError::Nul));
    let list = CardPatch {
        character_book: Some(Some(json!([]))),
        ..CardPatch::default()
    };
    assert_eq!(card.apply(&list), Err(CardError::BadBook));
    assert_eq!(card, before);
}

#[test]
fn a_new_card_has_every_field_that_v3_requires() {
    let card = Card::create(&CardPatch::default().text(TextField::Name, "Wren")).unwrap();
    let document = card.document();
    assert_eq!(document["spec"], "chara_card_v3");
    for key in [
        "description",
        "first_mes",
        "creator_notes",
        "tags",
        "extensions",
        "group_only_greetings",
    ] {
        assert!(document["data"].get(key).is_some(), "{key}");
    }
    assert_eq!(
        Card::create(&CardPatch::default()),
        Err(CardError::Nameless)
    );
}

#[test]
fn a_patch_that_no_card_has_room_for_is_refused_before_it_is_applied() {
    let large = "x".repeat(MAX_DOCUMENT_BYTES / 2 + 1);
    let text = CardPatch::default().text(TextField::Description, large.clone());
    assert_eq!(text.check(), Ok(()));
    let note = DepthPrompt {
        text: large.clone(),
        depth: 4,
        role: Role::System,
    };
    for patch in [
        text.clone().text(TextField::Scenario, large.clone()),
        CardPatch {
            tags: Some(vec![large.clone()]),
            ..text.clone()
        },
        CardPatch {
            depth_prompt: Some(Some(note)),
            ..text.clone()
        },
        CardPatch {
            character_book: Some(Some(json!({"entries": [{"content": large}]}))),
            ..text
        },
    ] {
        let refused = patch.check();
        assert!(
            matches!(refused, Err(CardError::DocumentTooLarge { .. })),
            "{refused:?}"
        );
        // As it would be by any card.
        let mut card = super::read(&v2());
        assert!(card.apply(&patch).is_err());
    }
}
