//! The greetings of a character, as messages of a new session.

use serde_json::Value;
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
