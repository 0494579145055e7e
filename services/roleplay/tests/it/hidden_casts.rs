//! Several characters, some of whose cards their owners don't show: whoever speaks, nobody else reads them.

use serde_json::Value;
use troupe_proto::Reason;
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::ParticipantRole as Role;

use crate::people::reason;
use crate::shared_secrets::{preview, receipt, secret_card, tells};
use crate::sharing::listing;
use crate::stage::{Person, Stage};
use crate::troupe::{answer, session_of};

const FIELDS: &str = "{{description}}{{personality}}{{scenario}}{{mesExamples}}{{charPrompt}}{{charInstruction}}\
                      {{charDepthPrompt}}{{charCreatorNotes}}{{charFirstMessage}}";

/// A card whose greeting says all that macros tell of it.
fn talkative(mut card: Value) -> String {
    card["data"]["first_mes"] = format!("[{FIELDS}]").into();
    card.to_string()
}

/// A session of Bob's with his Odo and Alice's Mira, whose card she doesn't show; the ids of both, and all cards are in each prompt.
async fn joined(bob: &Person, alice: &Person) -> (String, String, String) {
    let secret = alice.character(secret_card()).await;
    let by_link = pb::Visibility::Link;
    alice.share(&secret, by_link, false).await.unwrap();
    let link = alice.link_to(&secret).await;
    let (session, ids) = session_of(bob, &["Odo"]).await;
    let bring = |share_token: &str| pb::CreateCastMemberRequest {
        session_id: session.id.clone(),
        cast_member: Some(pb::CastMember {
            character_id: secret.clone(),
            ..pb::CastMember::default()
        }),
        share_token: share_token.to_owned(),
        ..pb::CreateCastMemberRequest::default()
    };
    let refused = bob.casts().create_cast_member(bob.ask(bring(""))).await;
    assert_eq!(reason(refused), Some(Reason::NotFound));
    let request = bob.ask(bring(&link.share_token));
    let member = bob.casts().create_cast_member(request).await.unwrap();
    assert!(!tells(&member));
    let request = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            id: session.id.clone(),
            settings: Some(pb::GenerationSettings {
                turns: Some(pb::TurnSettings {
                    cards: Some(pb::PromptCards::Joined.into()),
                    ..pb::TurnSettings::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        }),
        update_mask: None,
    };
    let updated = bob.sessions().update_session(bob.ask(request)).await;
    updated.unwrap();
    (session.id, ids[0].clone(), secret)
}

/// Somebody sends all macros, and so does the character who answers. The generation.
async fn probe(stage: &Stage, person: &Person, session: &str, character: &str) -> String {
    let text = format!("The harbour? {FIELDS}");
    let watch = person.send_to(session, &text, character).await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    for known in ["Xylophage lore", "Xylophage description"] {
        assert!(prompt.contains(known), "{prompt}");
    }
    answer(call, &format!("Well: {FIELDS}."));
    watch.all().await.2.generation.unwrap().id
}

#[tokio::test]
async fn neither_prompts_nor_receipts_nor_messages_show_a_hidden_card_whoever_speaks() {
    let stage = Stage::new().await;
    let (alice, bob, carol) = (stage.person(), stage.person(), stage.person());
    let (session, odo, secret) = joined(&bob, &alice).await;
    bob.let_in(&session, &carol, Role::Player).await;
    let mut generations = Vec::new();
    for person in [&bob, &carol] {
        for character in [&odo, &secret] {
            let generation = probe(&stage, person, &session, character).await;
            generations.push(generation);
        }
    }
    for person in [&bob, &carol] {
        let texts = person.texts(&session).await;
        assert!(!tells(&texts), "{texts:?}");
        for generation in &generations {
            let read = receipt(person, generation).await;
            assert!(!tells(&read) && read.lore.is_empty(), "{read:?}");
            assert!(read.token_count > 0);
        }
    }
    // What is Bob's own is told to him alone.
    let texts = bob.texts(&session).await;
    assert!(texts[1].contains("Odo is known as Odo."), "{texts:?}");
    assert_eq!(texts[5], "The harbour? ");
    for character in ["", &odo, &secret] {
        let request = pb::PreviewPromptRequest {
            session_id: session.clone(),
            character_id: character.to_owned(),
        };
        let shown = bob.sessions().preview_prompt(bob.ask(request)).await;
        let shown = shown.unwrap().into_inner();
        assert!(!tells(&shown) && shown.messages.is_empty() && shown.text.is_empty());
    }
    // Once Alice shows it, they may read it, and when she hides it again, no more.
    let by_link = pb::Visibility::Link;
    alice.share(&secret, by_link, true).await.unwrap();
    assert!(tells(&preview(&bob, &session).await));
    assert!(tells(&receipt(&bob, &generations[0]).await));
    // Odo is still Bob's own.
    assert!(!tells(&receipt(&carol, &generations[0]).await));
    alice.share(&secret, by_link, false).await.unwrap();
    assert!(!tells(&receipt(&bob, &generations[0]).await));
    // Nor is what was said with it once the character is out, or gone.
    bob.take_out(&session, &secret, "").await.unwrap();
    assert!(!tells(&receipt(&bob, &generations[0]).await));
    alice.delete_character(&secret).await;
    assert!(!tells(&receipt(&bob, &generations[0]).await));
    assert!(!preview(&bob, &session).await.messages.is_empty());
}

#[tokio::test]
async fn a_saved_cast_leaves_the_role_of_a_hidden_card_open() {
    let stage = Stage::new().await;
    let (alice, bob, carol) = (stage.person(), stage.person(), stage.person());
    let (session, odo, secret) = joined(&bob, &alice).await;
    bob.let_in(&session, &carol, Role::Player).await;
    probe(&stage, &bob, &session, &secret).await;
    for (person, own) in [(&bob, &*odo), (&carol, "")] {
        let request = pb::CreateScenarioFromSessionRequest {
            session_id: session.clone(),
            ..Default::default()
        };
        let mut scenarios = person.scenarios();
        let saved = scenarios.create_scenario_from_session(person.ask(request));
        let saved = saved.await.unwrap().into_inner().scenario.unwrap();
        let file = person.export_scenario(&saved.id, false).await.unwrap();
        assert!(!tells(&saved) && !tells(&file), "{saved:?}");
        let roles: Vec<(&str, &str)> = (saved.cast.iter())
            .map(|it| (&*it.name, &*it.character_id))
            .collect();
        assert_eq!(roles, [("Odo", own), ("Mira", "")]);
        assert_eq!(file["scenario"]["cast"][1].get("card"), None);
    }
}

#[tokio::test]
async fn greetings_of_a_group_tell_each_reader_no_more_than_they_may_read() {
    let stage = listing().await;
    let (alice, bob, carol) = (stage.person(), stage.person(), stage.person());
    let secret: Value = serde_json::from_str(&secret_card()).unwrap();
    let secret = alice.character(talkative(secret)).await;
    let listed = pb::Visibility::Listed;
    alice.share(&secret, listed, false).await.unwrap();
    let odo: Value = serde_json::from_str(&crate::troupe::card("Odo")).unwrap();
    let odo = bob.character(talkative(odo)).await;
    let role = |name: &str, id: &str| pb::ScenarioRole {
        name: name.to_owned(),
        character_id: id.to_owned(),
        ..pb::ScenarioRole::default()
    };
    let scenario = pb::Scenario {
        name: "Two".to_owned(),
        cast: vec![role("One", &odo), role("Other", &secret)],
        ..pb::Scenario::default()
    };
    let scenario = bob.scenario(scenario).await.unwrap();
    let begun = bob.start(&scenario.id, &[]).await.unwrap();
    assert!(!tells(&begun));
    let session = begun.session.unwrap().id;
    let texts = bob.texts(&session).await;
    assert!(texts[0].contains("Odo is known as Odo."), "{texts:?}");
    assert_eq!(texts[1], "[]");
    bob.let_in(&session, &carol, Role::Spectator).await;
    assert_eq!(carol.texts(&session).await, ["[]", "[]"]);
    let cast = carol.cast(&session).await;
    assert!(!tells(&cast) && cast.len() == 2, "{cast:?}");
    // They see of the characters what a list shows.
    let seen = carol.get_character(&odo).await.unwrap();
    assert!(seen.card.is_none() && seen.name == "Odo", "{seen:?}");
}
