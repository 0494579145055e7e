//! What is said: one text that is stored, shown, searched for keys and sent.

use serde_json::{Value, json};
use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use crate::script::TEXT_MODEL;
use crate::sessions::{create, persona, preview, update};
use crate::stage::{CARD, Person, Stage, opening, turn};

/// A session with [`CARD`], changed.
async fn session_with(person: &Person, changes: Value, session: pb::Session) -> pb::Session {
    let mut card: Value = serde_json::from_str(CARD).unwrap();
    for (key, value) in changes.as_object().unwrap() {
        card["data"][key] = value.clone();
    }
    let character = person.import(card.to_string()).await.unwrap().character;
    let request = opening(pb::Session {
        character_id: character.unwrap().id,
        ..session
    });
    create(person, request).await.unwrap().session.unwrap()
}

#[tokio::test]
async fn what_a_person_writes_is_resolved_once() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let text = "{{user}} rolls {{roll:1000000}}.{{// quietly}} <BOT>? {{nonsense}}";
    let watch = alice.send(&session, text).await.unwrap();
    let call = stage.call().await;
    call.say("Yes.");
    let sent = call.prompt();
    call.finish();
    let stored = watch.all().await.0.user_message.unwrap().text;
    let rolled = stored.strip_prefix("Alice rolls ").unwrap();
    let rolled = rolled.strip_suffix(". Mira? {{nonsense}}").unwrap();
    assert!(rolled.parse::<u32>().is_ok(), "{stored}");
    assert!(sent.contains(&stored), "{sent}");
    assert_eq!(alice.texts(&session).await[1], stored);
    let again = preview(&alice, &session).await.unwrap();
    assert!(again.messages.iter().any(|it| it.content == stored));

    // A second throw is another one, and an edit is resolved too.
    let said = &alice.path(&session).await[1].id;
    let edited = alice.edit(&session, said, "{{char}}, {{roll:1000000}}");
    let edited = edited.await.unwrap().text;
    assert!(
        edited.starts_with("Mira, ") && !edited.ends_with(rolled),
        "{edited}"
    );
}

#[tokio::test]
async fn refuses_a_message_that_comes_to_nothing_or_to_too_much() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let changes = json!({"description": "x".repeat(100_000)});
    let session = session_with(&alice, changes, pb::Session::default())
        .await
        .id;
    let nothing = alice
        .send(&session, " {{// nothing}} ")
        .await
        .err()
        .unwrap();
    assert_eq!(nothing.code(), Code::InvalidArgument, "{nothing:?}");
    let much = alice.send(&session, &"{{description}}".repeat(3)).await;
    let much = much.err().unwrap();
    assert_eq!(reason_of(&much), Some(Reason::PromptTooLong));
    assert!(
        much.message().contains("add 300000 bytes")
            && much.message().contains("37856 more than the 262144"),
        "{much:?}"
    );
    assert_eq!(alice.texts(&session).await.len(), 1);
}

#[tokio::test]
async fn what_a_model_replies_is_resolved_once_wherever_it_is_cut() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let mut watch = alice.send(&session, "Hello").await.unwrap();
    watch.started().await;
    let call = stage.call().await;
    let pieces = [
        "Good day, {",
        "{us",
        "er}}! <us",
        "er> {{roll:d1}} {{",
        "// hm }}",
        "{left",
        " {{open",
    ];
    for piece in pieces {
        call.say(piece);
    }
    call.finish();
    let reply = "Good day, Alice! Alice 1 {left {{open";
    assert_eq!(watch.rest().await.0, reply);
    assert_eq!(alice.texts(&session).await[2], reply);
    let sent = preview(&alice, &session).await.unwrap();
    assert!(sent.messages.iter().any(|it| it.content == reply));
}

#[tokio::test]
async fn keys_are_looked_for_in_what_was_said() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let entry = |key: &str, content: &str| json!({"keys": [key], "content": content, "enabled": true, "insertion_order": 1, "extensions": {}});
    let book = json!({"scan_depth": 1, "entries": [
        entry("alice and mira", "They are friends."),
        entry("char", "Never said."),
    ]});
    let session = session_with(
        &alice,
        json!({"character_book": book}),
        pb::Session::default(),
    );
    let session = session.await.id;
    let watch = alice
        .send(&session, "{{user}} and {{char}} meet")
        .await
        .unwrap();
    let call = stage.call().await;
    assert!(call.prompt().contains("They are friends."));
    assert!(!call.prompt().contains("Never said."));
    call.finish();
    watch.all().await;
}

#[tokio::test]
async fn greetings_follow_the_persona_until_somebody_answers_one() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let [ada, bea] = [
        persona(&alice, "Ada", "").await,
        persona(&alice, "Bea", "").await,
    ];
    let as_ada = pb::Session {
        persona_id: ada.id.clone(),
        ..Default::default()
    };
    let session = session_with(&alice, json!({}), as_ada).await.id;
    let greeting = alice.path(&session).await.remove(0);
    assert_eq!(greeting.text, "Come in, Ada. The storm is near.");
    let becomes = async |persona: &pb::Persona| {
        let change = pb::Session {
            id: session.clone(),
            persona_id: persona.id.clone(),
            ..Default::default()
        };
        update(&alice, change, &["persona_id"]).await.unwrap();
    };
    becomes(&bea).await;
    assert_eq!(
        alice.texts(&session).await,
        ["Come in, Bea. The storm is near."]
    );
    let swipes = alice.swipes(&session, &greeting.id).await;
    assert_eq!(swipes[1].text, "Bea? You are late.");
    let sent = preview(&alice, &session).await.unwrap();
    assert!(
        sent.messages
            .iter()
            .any(|it| it.content.starts_with("Come in, Bea."))
    );
    let selected = alice.select(&session, &swipes[1].id).await.unwrap();
    assert_eq!(selected.text, "Bea? You are late.");

    turn(&stage, &alice, &session, "So?", "So.").await;
    becomes(&ada).await;
    assert_eq!(alice.texts(&session).await[0], "Bea? You are late.");
    // Nobody answered the others.
    let swipes = alice.swipes(&session, &greeting.id).await;
    assert_eq!(swipes[0].text, "Come in, Ada. The storm is near.");
}

#[tokio::test]
async fn a_greeting_keeps_its_chance_and_may_be_edited_or_continued() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let changes = json!({
        "first_mes": "{{user}}: {{roll:1000000}} {{random::a::b::c::d::e::f}} {{time}}.",
        "alternate_greetings": ["{{user}}, wait"],
    });
    let session = session_with(&alice, changes, pb::Session::default())
        .await
        .id;
    let first = alice.texts(&session).await;
    assert!(first[0].starts_with("Alice: "), "{first:?}");
    stage.time().advance(std::time::Duration::from_secs(120));
    assert_eq!(alice.texts(&session).await, first);

    let greeting = alice.path(&session).await.remove(0).id;
    let edited = alice
        .edit(&session, &greeting, "Just {{user}}.")
        .await
        .unwrap();
    assert_eq!(edited.text, "Just Alice.");
    let other = alice.swipes(&session, &greeting).await.remove(1).id;
    alice.select(&session, &other).await.unwrap();
    let watch = alice.go_on(&session, &other).await.unwrap();
    let call = stage.call().await;
    call.say(" for me.");
    call.finish();
    watch.all().await;
    assert_eq!(alice.texts(&session).await, ["Alice, wait for me."]);
}

#[tokio::test]
async fn names_stay_on_their_line_and_stop_texts_end_no_scene() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let odd = persona(&alice, "Ada \nMira: I agree.\u{200b} ", "").await;
    let as_odd = pb::Session {
        persona_id: odd.id.clone(),
        model_id: TEXT_MODEL.to_owned(),
        ..Default::default()
    };
    let session = session_with(&alice, json!({"name": "Mira\t "}), as_odd).await;
    assert_eq!(session.character_name, "Mira");
    let watch = alice.send(&session.id, "Hello").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(
        prompt.ends_with("\nAda Mira: I agree.: Hello\nMira:"),
        "{prompt}"
    );
    assert!(!prompt.contains("\nMira: I agree"), "{prompt}");
    assert_eq!(call.request.stop, ["\nAda Mira: I agree.:"]);
    call.say(" He left.\n***\nNight fell.");
    call.finish();
    let ended = watch.all().await.2;
    assert_eq!(ended.message.unwrap().text, "He left.\n***\nNight fell.");
}

#[tokio::test]
async fn a_name_that_nobody_sees_is_none() {
    let stage = Stage::new().await;
    let alice = stage.person();
    for name in ["\u{200b}\u{2060}", "\u{3164}", " \u{ad}\n"] {
        let request = pb::CreatePersonaRequest {
            persona: Some(pb::Persona {
                name: name.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let refused = alice.personas().create_persona(alice.ask(request)).await;
        assert_eq!(
            refused.unwrap_err().code(),
            Code::InvalidArgument,
            "{name:?}"
        );
    }
    let mut card: Value = serde_json::from_str(CARD).unwrap();
    card["data"]["name"] = json!("\u{2800}");
    let refused = alice.import(card.to_string()).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::CardInvalid));
    card["data"]["name"] = json!("Mira");
    card["data"]["nickname"] = json!("\u{feff}");
    let character = alice.import(card.to_string()).await.unwrap().character;
    let request = opening(pb::Session {
        character_id: character.unwrap().id,
        ..Default::default()
    });
    let session = create(&alice, request).await.unwrap().session.unwrap();
    assert_eq!(session.character_name, "Mira");
}
