//! What people could find out of texts that they may not read by lorebooks of their own: whether an entry fires shows in the size
//! of the prompt.

use serde_json::{Value, json};
use tonic::Status;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use crate::sharing::listing;
use crate::stage::{CARD, Person};

const SECRET: &str = "The keeper did it.";

/// A card whose book has an entry that looks for a pattern wherever it may.
fn probe(pattern: &str) -> Value {
    let mut card: Value = serde_json::from_str(CARD).unwrap();
    card["data"]["character_book"] = book(pattern);
    card
}

fn book(pattern: &str) -> Value {
    let everywhere = json!({
        "match_persona_description": true,
        "match_character_description": true,
        "match_character_personality": true,
        "match_character_depth_prompt": true,
        "match_scenario": true,
    });
    json!({"extensions": {}, "recursive_scanning": true, "entries": [{
        "keys": [format!("/{pattern}/")], "content": "gull ".repeat(50), "enabled": true,
        "insertion_order": 1, "extensions": everywhere,
    }]})
}

async fn start(person: &Person, scenario: &str, character: &str) -> Result<String, Status> {
    let request = pb::StartScenarioRequest {
        scenario_id: scenario.to_owned(),
        session: Some(pb::Session {
            character_id: character.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let started = person.start_with(request).await?;
    Ok(started.session.unwrap().id)
}

/// Of a session that plays a character in a scenario.
async fn tokens_in(person: &Person, scenario: &str, character: &str) -> i32 {
    let session = start(person, scenario, character).await.unwrap();
    receipt_of(person, &session).await.token_count
}

#[tokio::test]
async fn a_book_of_ones_own_finds_nothing_in_a_scenario_that_is_not_shown() {
    let stage = listing().await;
    let (alice, bob) = (stage.person(), stage.person());
    let scenario = |visibility: pb::Visibility| pb::Scenario {
        name: "Hers".to_owned(),
        premise: SECRET.to_owned(),
        visibility: visibility.into(),
        rating: pb::ContentRating::Teen.into(),
        ..Default::default()
    };
    let hers = alice.scenario(scenario(pb::Visibility::Listed)).await;
    let hers = hers.unwrap().id;
    let own = bob.scenario(scenario(pb::Visibility::Private)).await;
    let own = own.unwrap().id;
    let right = bob.character(probe("keeper did").to_string()).await;
    let wrong = bob.character(probe("sailor did").to_string()).await;
    let hit = tokens_in(&bob, &hers, &right).await;
    assert_eq!(hit, tokens_in(&bob, &hers, &wrong).await);
    // In a scenario of one's own it does.
    let found = tokens_in(&bob, &own, &right).await;
    assert!(found > tokens_in(&bob, &own, &wrong).await + 40);
}

#[tokio::test]
async fn a_book_of_ones_own_finds_nothing_in_a_card_that_is_not_shown() {
    let stage = listing().await;
    let (alice, bob) = (stage.person(), stage.person());
    let hers = hidden_card(&alice).await;
    let mut tokens = Vec::new();
    for pattern in [
        "keeper did",
        "sailor did",
        "harbour froze",
        "harbour burned",
    ] {
        let lorebook = bob.import_book(book(pattern).to_string()).await.unwrap();
        let scenario = pb::Scenario {
            lorebook_ids: vec![lorebook.id],
            ..his("Well?")
        };
        let scenario = bob.scenario(scenario).await.unwrap().id;
        tokens.push(tokens_in(&bob, &scenario, &hers).await);
    }
    assert_eq!(tokens, [tokens[0]; 4]);
}

fn his(opening: &str) -> pb::Scenario {
    pb::Scenario {
        name: "His".to_owned(),
        opening: opening.to_owned(),
        ..Default::default()
    }
}

async fn receipt_of(person: &Person, session: &str) -> pb::PromptReceipt {
    receipt_where(person, session, "").await
}

/// The same, where a character speaks.
async fn receipt_where(person: &Person, session: &str, character: &str) -> pb::PromptReceipt {
    let request = pb::PreviewPromptRequest {
        session_id: session.to_owned(),
        character_id: character.to_owned(),
    };
    let preview = person.sessions().preview_prompt(person.ask(request)).await;
    preview.unwrap().into_inner().receipt.unwrap()
}

/// A card of Alice's that says the secret wherever it can, and isn't shown.
async fn hidden_card(alice: &Person) -> String {
    hidden_card_of(alice, SECRET).await
}

async fn hidden_card_of(alice: &Person, description: &str) -> String {
    let mut card: Value = serde_json::from_str(CARD).unwrap();
    for field in ["description", "personality", "scenario", "mes_example"] {
        card["data"][field] = SECRET.into();
    }
    card["data"]["description"] = description.into();
    card["data"]["first_mes"] = "Hi {{// zanzibar}}there.".into();
    card["data"]["alternate_greetings"] = json!([]);
    let entries = &mut card["data"]["character_book"]["entries"];
    entries[0]["constant"] = true.into();
    let named = json!({"keys": ["{{user}}"], "content": "gull ".repeat(50), "enabled": true,
        "insertion_order": 2, "extensions": {"match_character_description": true}});
    entries.as_array_mut().unwrap().push(named);
    let hers = alice.character(card.to_string()).await;
    let shared = alice.share(&hers, pb::Visibility::Listed, false).await;
    shared.unwrap();
    hers
}

async fn open_as(person: &Person, character: &str, persona: &str) -> String {
    let request = pb::CreateSessionRequest {
        session: Some(pb::Session {
            character_id: character.to_owned(),
            persona_id: persona.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let opened = person.sessions().create_session(person.ask(request)).await;
    opened.unwrap().into_inner().session.unwrap().id
}

#[tokio::test]
async fn a_persona_stands_for_nothing_of_a_card_that_is_not_shown_and_tries_no_words() {
    let stage = listing().await;
    let (alice, bob) = (stage.person(), stage.person());
    let hers = hidden_card(&alice).await;
    let mut tokens = Vec::new();
    for (name, description) in [
        ("froze", "{{description}}{{scenario}}{{charFirstMessage}}"),
        ("keeps", ""),
        ("keeper", ""),
    ] {
        let persona = bob.new_persona(name, description).await;
        let session = open_as(&bob, &hers, &persona).await;
        let receipt = receipt_of(&bob, &session).await;
        let has_persona = receipt.spans.iter().any(|span| span.source == "persona");
        assert!(!has_persona, "{receipt:?}");
        tokens.push(receipt.token_count);
    }
    assert_eq!(tokens, [tokens[0]; 3]);
}

#[tokio::test]
async fn no_refusal_tells_how_long_a_card_is_that_is_not_shown() {
    let stage = listing().await;
    let (alice, bob) = (stage.person(), stage.person());
    let long = SECRET.repeat(100);
    let hers = hidden_card_of(&alice, &long).await;
    let scenario = bob.scenario(his(&"x{{description}}".repeat(2_000))).await;
    let scenario = scenario.unwrap().id;
    start(&bob, &scenario, &hers).await.unwrap();
    let mut card: Value = serde_json::from_str(CARD).unwrap();
    card["data"]["description"] = long.into();
    let own = bob.character(card.to_string()).await;
    let refused = start(&bob, &scenario, &own).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::PromptTooLong));
}

#[tokio::test]
async fn whether_a_search_has_more_tells_nothing_of_words_that_nobody_sees() {
    let stage = listing().await;
    let (alice, bob) = (stage.person(), stage.person());
    let hers = hidden_card(&alice).await;
    let session = open_as(&bob, &hers, "").await;
    let mut more = Vec::new();
    for word in ["zanzi", "kalahari", "there"] {
        bob.say(&session, word).await.unwrap();
        let request = pb::SearchMessagesRequest {
            query: word.to_owned(),
            page_size: 1,
            ..Default::default()
        };
        let found = bob.messages().search_messages(bob.ask(request)).await;
        let found = found.unwrap().into_inner();
        assert_eq!(found.messages.len(), 1);
        more.push(!found.next_page_token.is_empty());
    }
    // The greeting has the last one where it is seen.
    assert_eq!(more, [false, false, true]);
}

/// What somebody tries to find out of a card that plays beside their own.
#[derive(Default)]
struct Tries<'t> {
    /// What the lorebooks of their card and of their scenario look for.
    pattern: &'t str,
    persona: &'t str,
    note: &'t str,
    /// What they put around personalities, where they do.
    around: Option<&'t str>,
}

/// Of prompts in a session with a card of theirs and another's, where the other's speaks, and where theirs does.
async fn tokens_beside(person: &Person, hers: &str, tries: Tries<'_>) -> [i32; 2] {
    let own = probe(tries.pattern).to_string().replace("Mira", "Odo");
    let own = person.character(own).await;
    let lorebook = person.import_book(book(tries.pattern).to_string()).await;
    let scenario = pb::Scenario {
        lorebook_ids: vec![lorebook.unwrap().id],
        notes: vec![pb::ScenarioNote {
            text: format!("Note. {}", tries.note),
            ..Default::default()
        }],
        ..his("Well?")
    };
    let scenario = person.scenario(scenario).await.unwrap().id;
    let persona = person.new_persona("Ada", tries.persona).await;
    let settings = pb::GenerationSettings {
        turns: Some(pb::TurnSettings {
            cards: Some(pb::PromptCards::Joined.into()),
            ..Default::default()
        }),
        prompt: Some(pb::PromptSettings {
            personality_format: tries.around.map(str::to_owned),
            ..Default::default()
        }),
        ..Default::default()
    };
    let other = pb::CastMember {
        character_id: hers.to_owned(),
        ..Default::default()
    };
    let request = pb::StartScenarioRequest {
        scenario_id: scenario,
        session: Some(pb::Session {
            character_id: own.clone(),
            cast: vec![other],
            persona_id: persona,
            settings: Some(settings),
            ..Default::default()
        }),
        ..Default::default()
    };
    let started = person.start_with(request).await.unwrap();
    let session = started.session.unwrap().id;
    let of_hers = receipt_where(person, &session, hers).await;
    let of_own = receipt_where(person, &session, &own).await;
    [of_hers.token_count, of_own.token_count]
}

#[tokio::test]
async fn a_card_that_is_not_shown_tells_nothing_to_who_plays_beside_it() {
    let stage = listing().await;
    let (alice, bob) = (stage.person(), stage.person());
    let hers = hidden_card(&alice).await;
    let looks_for = |pattern| Tries {
        pattern,
        ..Tries::default()
    };
    let [of_hers, of_own] = tokens_beside(&bob, &hers, looks_for("sailor did")).await;
    for pattern in ["keeper did", "harbour froze", "harbour burned"] {
        let tokens = tokens_beside(&bob, &hers, looks_for(pattern)).await;
        // His own book has the words "harbour froze" nowhere, and hers is none of his.
        assert_eq!(tokens, [of_hers, of_own], "{pattern}");
    }
    let texts = "{{description}}{{personality}}{{scenario}}{{mesExamples}}{{charFirstMessage}}";
    let tries = |persona, note, around| Tries {
        pattern: "sailor did",
        persona,
        note,
        around,
    };
    let told = [tries(texts, "", None), tries("", texts, None)];
    for tries in told {
        let tokens = tokens_beside(&bob, &hers, tries).await;
        assert_eq!(tokens[0], of_hers);
    }
    let plain = tokens_beside(&bob, &hers, tries("", "", Some("So: {{personality}}"))).await;
    let around = Some("So: {{personality}}{{mesExamples}}{{charPrompt}}");
    assert_eq!(
        tokens_beside(&bob, &hers, tries("", "", around)).await,
        plain
    );

    // Of a card that is shown all of that tells.
    let shown = alice.share(&hers, pb::Visibility::Listed, true).await;
    shown.unwrap();
    let [of_hers, _] = tokens_beside(&bob, &hers, looks_for("sailor did")).await;
    let [found, _] = tokens_beside(&bob, &hers, looks_for("keeper did")).await;
    assert!(found > of_hers + 40, "{found} {of_hers}");
    let [_, of_own] = tokens_beside(&bob, &hers, looks_for("harbour burned")).await;
    let [_, found] = tokens_beside(&bob, &hers, looks_for("harbour froze")).await;
    assert!(found > of_own + 40, "{found} {of_own}");
    for tries in [tries(texts, "", None), tries("", texts, None)] {
        assert!(tokens_beside(&bob, &hers, tries).await[0] > of_hers + 8);
    }
    assert!(tokens_beside(&bob, &hers, tries("", "", around)).await[0] > plain[0] + 2);
}
