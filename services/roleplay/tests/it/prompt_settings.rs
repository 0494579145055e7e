//! How prompts are built where the card says nothing: as SillyTavern ships it, or as the session says.

use serde_json::{Value, json};
use tonic::Code;
use troupe_proto::roleplay as pb;

use crate::sessions::{create, preview, update};
use crate::stage::{CARD, Person, Stage, opening};

/// A session whose character has a book of these entries, and greets with a text.
async fn session_with(person: &Person, book: Value, greeting: &str) -> pb::Session {
    let mut card: Value = serde_json::from_str(CARD).unwrap();
    card["data"]["first_mes"] = json!(greeting);
    card["data"]["character_book"] = book;
    let character = person.import(card.to_string()).await.unwrap().character;
    let request = opening(pb::Session {
        character_id: character.unwrap().id,
        ..Default::default()
    });
    create(person, request).await.unwrap().session.unwrap()
}

/// The one system message of the prompt that the session leads to.
async fn head(person: &Person, session: &pb::Session) -> String {
    let prompt = preview(person, &session.id).await.unwrap();
    prompt.messages[0].content.clone()
}

async fn settle(person: &Person, session: &pb::Session, prompt: pb::PromptSettings) -> pb::Session {
    let settings = pb::GenerationSettings {
        prompt: Some(prompt),
        ..Default::default()
    };
    let changed = pb::Session {
        id: session.id.clone(),
        settings: Some(settings),
        ..Default::default()
    };
    update(person, changed, &[]).await.unwrap()
}

#[tokio::test]
async fn a_silent_card_is_read_as_silly_tavern_ships() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let book = json!({"entries": [
        {"keys": ["oar"], "content": "Oars are long."},
        {"keys": ["gull"], "content": "Gulls fear Bram."},
        {"keys": ["bram"], "content": "Bram is a cat."},
    ]});
    let session = session_with(&alice, book, "The Gull is on board, it roars.").await;
    let head = head(&alice, &session).await;
    let at = |text: &str| {
        head.find(text)
            .unwrap_or_else(|| panic!("no {text} in {head}"))
    };
    assert!(!head.contains("Oars"), "{head}");
    assert!(at("Mira's personality: calm") < at("Scenario: A storm is coming."));
    assert!(at("Scenario: A storm is coming.") < at("Gulls fear Bram."));
    at("Bram is a cat.");
}

#[tokio::test]
async fn a_session_says_it_otherwise_as_far_as_the_book_is_silent() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let book = json!({"entries": [
        {"keys": ["oar"], "content": "Oars are long."},
        {"keys": ["GULL"], "content": "Gulls fear Bram."},
        {"keys": ["bram"], "content": "Bram is a cat."},
        {"keys": ["oar"], "content": "Whole oars.", "extensions": {"match_whole_words": true}},
        {"keys": ["mira"], "content": "Named Mira.", "position": "after_char"},
    ]});
    let session = session_with(&alice, book, "The gull is on board, it roars.").await;
    let changed = pb::PromptSettings {
        case_sensitive: Some(true),
        match_whole_words: Some(false),
        recursive_scanning: Some(false),
        include_names: Some(false),
        lore_position: Some(pb::LorePosition::BeforeCharacter.into()),
        personality_format: Some("[{{char}} is {{personality}}]".to_owned()),
        scenario_format: Some("{{scenario}}".to_owned()),
        ..Default::default()
    };
    let session = settle(&alice, &session, changed.clone()).await;
    assert_eq!(
        session.settings.as_ref().unwrap().prompt.as_ref(),
        Some(&changed)
    );
    let text = head(&alice, &session).await;
    let at = |text: &str, part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("no {part} in {text}"))
    };
    assert!(at(&text, "Oars are long.") < at(&text, "keeps the lighthouse"));
    at(&text, "[Mira is calm]\n\nA storm is coming.");
    for absent in ["Gulls", "Bram", "Whole", "Named"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }

    // What isn't named stays as it was.
    let change = pb::PromptSettings {
        case_sensitive: Some(false),
        include_names: Some(true),
        scan_depth: Some(1),
        ..Default::default()
    };
    let session = settle(&alice, &session, change).await;
    let text = head(&alice, &session).await;
    at(&text, "Gulls fear Bram.");
    assert!(at(&text, "keeps the lighthouse") < at(&text, "Named Mira."));
    assert!(at(&text, "Oars are long.") < at(&text, "keeps the lighthouse"));
    assert!(!text.contains("Bram is a cat."), "{text}");
    let none = pb::PromptSettings {
        scan_depth: Some(0),
        ..Default::default()
    };
    let session = settle(&alice, &session, none).await;
    assert!(!head(&alice, &session).await.contains("Oars"));

    // All of it can be taken back.
    let back = pb::Session {
        id: session.id.clone(),
        ..Default::default()
    };
    let session = update(&alice, back, &["settings.prompt"]).await.unwrap();
    assert_eq!(session.settings.as_ref().unwrap().prompt, None);
    assert!(head(&alice, &session).await.contains("Bram is a cat."));
}

#[tokio::test]
async fn a_book_says_more_than_the_session() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let book = json!({"scan_depth": 0, "recursive_scanning": false, "entries": [
        {"keys": ["gull"], "content": "Gulls.", "extensions": {"scan_depth": 2}},
        {"keys": ["gulls", "board"], "content": "Boards.", "position": "before_char"},
    ]});
    let session = session_with(&alice, book, "The gull is on board.").await;
    let changed = pb::PromptSettings {
        scan_depth: Some(5),
        recursive_scanning: Some(true),
        ..Default::default()
    };
    let session = settle(&alice, &session, changed).await;
    let text = head(&alice, &session).await;
    assert!(
        text.contains("Gulls.") && !text.contains("Boards."),
        "{text}"
    );
}

#[tokio::test]
async fn refuses_settings_out_of_their_bounds() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    for prompt in [
        pb::PromptSettings {
            scan_depth: Some(-1),
            ..Default::default()
        },
        pb::PromptSettings {
            lore_budget_percent: Some(101),
            ..Default::default()
        },
        pb::PromptSettings {
            lore_position: Some(0),
            ..Default::default()
        },
        pb::PromptSettings {
            scenario_format: Some("x".repeat(1_001)),
            ..Default::default()
        },
    ] {
        let changed = pb::Session {
            id: session.id.clone(),
            settings: Some(pb::GenerationSettings {
                prompt: Some(prompt),
                ..Default::default()
            }),
            ..Default::default()
        };
        let refused = update(&alice, changed, &[]).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    }
}
