//! The greetings of a character, as messages of a new session.

use serde_json::{Value, json};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use crate::sessions::create;
use crate::stage::{CARD, Stage, opening, turn};

#[tokio::test]
async fn opens_without_a_greeting_where_the_card_has_none() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let card = r#"{"name": "Quiet", "description": "Says nothing.", "first_mes": "", "mes_example": "", "personality": "", "scenario": ""}"#;
    let character_id = alice.import(card).await.unwrap().character.unwrap().id;
    let request = opening(pb::Session {
        character_id,
        title: "Silence".into(),
        ..Default::default()
    });
    let opened = create(&alice, request).await.unwrap();
    let session = opened.session.unwrap();
    assert!(opened.greeting.is_none());
    assert_eq!(
        (
            session.title.as_str(),
            session.branch.unwrap().head_message_id.as_str()
        ),
        ("Silence", "")
    );
    assert_eq!(alice.texts(&session.id).await.len(), 0);
    turn(&stage, &alice, &session.id, "Hello?", "...").await;
}

/// They are stored while all other writes wait.
#[tokio::test]
async fn opens_with_some_greetings_of_a_card_that_has_very_many() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mut card: Value = serde_json::from_str(CARD).unwrap();
    let alternates: Vec<_> = (1..5_000)
        .map(|number| format!("Greeting {number}."))
        .collect();
    card["data"]["alternate_greetings"] = alternates.into();
    let character = alice.import(card.to_string()).await.unwrap().character;
    let character = character.unwrap();
    assert_eq!(character.alternate_greetings.len(), 4_999);
    let request = opening(pb::Session {
        character_id: character.id,
        ..Default::default()
    });
    let greeting = create(&alice, request).await.unwrap().greeting.unwrap();
    assert_eq!((greeting.swipe_index, greeting.swipe_count), (0, 1_000));
}

/// A card whose description has 100,000 bytes, with these greetings and entries that are always there.
fn a_long_card(greetings: &[&str], entries: &[&str]) -> String {
    let mut card: Value = serde_json::from_str(CARD).unwrap();
    let entry = |content: &&str| json!({"keys": [], "constant": true, "content": content});
    card["data"]["description"] = json!("x".repeat(100_000));
    card["data"]["first_mes"] = json!(greetings[0]);
    card["data"]["alternate_greetings"] = json!(greetings[1..]);
    card["data"]["character_book"] =
        json!({"entries": entries.iter().map(entry).collect::<Vec<_>>()});
    card.to_string()
}

#[tokio::test]
async fn greetings_are_expanded_when_they_are_shown_and_only_as_many() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let card = a_long_card(&["{{description}}"; 100], &[]);
    let imported = alice.import(card).await.unwrap();
    assert_eq!(imported.warnings, [""; 0]);
    let request = opening(pb::Session {
        character_id: imported.character.unwrap().id,
        ..Default::default()
    });
    let opened = create(&alice, request).await.unwrap();
    let (session, greeting) = (opened.session.unwrap().id, opened.greeting.unwrap());
    assert_eq!((greeting.text.len(), greeting.swipe_count), (100_000, 100));
    let request = pb::ListSwipesRequest {
        session_id: session,
        message_id: greeting.id,
        page_size: 200,
        page_token: String::new(),
    };
    let page = alice.messages().list_swipes(alice.ask(request)).await;
    let page = page.unwrap().into_inner();
    // As many as a page has room for.
    assert_eq!(page.messages.len(), 11);
    assert!(
        page.messages
            .iter()
            .all(|swipe| swipe.text.len() == 100_000)
    );
    assert_ne!(page.next_page_token, "");
}

#[tokio::test]
async fn warns_of_macros_that_outgrow_a_prompt_and_refuses_it_with_both_numbers() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let card = a_long_card(&["Hi."], &["{{description}}"; 60]);
    let imported = alice.import(card).await.unwrap();
    let warning = &imported.warnings[0];
    assert!(warning.contains("more than the 4194304"), "{warning}");
    let request = opening(pb::Session {
        character_id: imported.character.unwrap().id,
        ..Default::default()
    });
    let session = create(&alice, request).await.unwrap().session.unwrap().id;
    let refused = alice.send(&session, "Hello").await.err().unwrap();
    assert_eq!(reason_of(&refused), Some(Reason::PromptTooLong));
    let message = refused.message();
    assert!(
        message.contains("would add 6000") && message.contains("more than the 4194304"),
        "{message}"
    );
    assert_eq!(alice.texts(&session).await, ["Hi."]);
}
