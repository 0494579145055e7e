//! Scenarios as files: exported, imported, and those that come with Troupe.

use serde_json::{Value, json};
use tonic::Status;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::google::api::HttpBody;
use troupe_proto::roleplay as pb;

use crate::scenario_starts::prompt_of;
use crate::scenarios::storm;
use crate::stage::{CARD, Person, Stage};

impl Person {
    pub(crate) async fn export_scenario(
        &self,
        id: &str,
        without_cards: bool,
    ) -> Result<Value, Status> {
        let request = pb::ExportScenarioRequest {
            scenario_id: id.to_owned(),
            without_cards,
        };
        let exported = self.scenarios().export_scenario(self.ask(request)).await?;
        let file = exported.into_inner().file.unwrap();
        assert_eq!(file.content_type, "application/json");
        Ok(serde_json::from_slice(&file.data).unwrap())
    }

    pub(crate) async fn import_scenario(
        &self,
        file: &str,
    ) -> Result<pb::ImportScenarioResponse, Status> {
        let request = pb::ImportScenarioRequest {
            file: Some(HttpBody {
                data: file.as_bytes().to_vec().into(),
                ..Default::default()
            }),
            request_id: String::new(),
        };
        let imported = self.scenarios().import_scenario(self.ask(request)).await?;
        Ok(imported.into_inner())
    }
}

#[tokio::test]
async fn what_is_exported_is_imported_again_with_its_characters_and_lorebooks() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let mira = alice.character(CARD.to_owned()).await;
    let book = alice.lorebook("Varn").await;
    alice
        .entry(&book.id, "beacon", "The beacon is green.")
        .await;
    let made = alice.scenario(storm(&mira, &book.id)).await.unwrap();
    let file = alice.export_scenario(&made.id, false).await.unwrap();
    let schema = include_str!("../../../../docs/schemas/scenario-1.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    assert_eq!(file["$schema"], schema["$id"]);
    assert_eq!(file["scenario"]["cast"][0]["card"]["data"]["name"], "Mira");
    let imported = bob.import_scenario(&file.to_string()).await.unwrap();
    assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
    let theirs = imported.scenario.unwrap();
    assert_eq!(
        (&theirs.name, &theirs.opening, &theirs.notes, &theirs.blanks),
        (&made.name, &made.opening, &made.notes, &made.blanks)
    );
    assert_eq!(
        (theirs.rating, &theirs.settings),
        (made.rating, &made.settings)
    );
    assert_ne!(theirs.cast[0].character_id, mira);
    assert_eq!(theirs.cast[0].character_name, "Mira");
    let started = bob.start(&theirs.id, &[("hero", "Bo")]).await.unwrap();
    let session = started.session.unwrap().id;
    let prompt = prompt_of(&stage, &bob, &session, "The beacon in the harbour?").await;
    assert!(prompt.contains("The beacon is green."), "{prompt}");
    assert!(
        prompt.contains("The harbour froze last winter."),
        "{prompt}"
    );
    // What comes out the second time is what came out the first.
    let again = bob.export_scenario(&theirs.id, false).await.unwrap();
    assert_eq!(again, file);
    let bare = alice.export_scenario(&made.id, true).await.unwrap();
    assert_eq!(bare["scenario"]["cast"][0].get("card"), None);
    let open = bob.import_scenario(&bare.to_string()).await.unwrap();
    let open = open.scenario.unwrap();
    assert_eq!(
        (&*open.cast[0].character_id, &*open.cast[0].character_name),
        ("", "Mira")
    );
}

#[tokio::test]
async fn says_what_it_leaves_out_and_where_a_file_is_wrong() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let newer = json!({
        "version": 3,
        "scenario": {"name": "New", "mood": "dark", "cast": [{"name": "Keeper", "voice": "low"}]},
    });
    let imported = alice.import_scenario(&newer.to_string()).await.unwrap();
    let warnings = imported.warnings.join("\n");
    for told in [
        "version 3",
        "scenario.mood isn't known",
        "scenario.cast[0].voice isn't known",
    ] {
        assert!(warnings.contains(told), "{warnings}");
    }
    let refused = async |file: &str, says: &str| {
        let refused = alice.import_scenario(file).await.unwrap_err();
        assert_eq!(
            reason_of(&refused),
            Some(Reason::ScenarioInvalid),
            "{refused}"
        );
        assert!(refused.message().contains(says), "{refused}");
    };
    refused("{\"version\":", "isn't JSON (line 1").await;
    refused("[1]", "it is a list").await;
    refused("{\"entries\": []}", "it is a lorebook").await;
    for (scenario, says) in [
        (json!({}), "scenario.name is missing"),
        (
            json!({"name": "x", "settings": {"top_p": 2}}),
            "scenario.settings.top_p must be at most 1",
        ),
        (
            json!({"name": "x", "blanks": [{"name": "A B"}]}),
            "scenario.blanks[0].name must match",
        ),
        (
            json!({"name": "x", "opening": "{{blank::a}}"}),
            "the opening names the blank `a`",
        ),
        (json!({"name": "x", "opening": "a\u{0}b"}), "NUL"),
        (
            json!({"name": "x", "cast": [{"name": "Keeper", "card": {"name": "Nothing"}}]}),
            "the card of the role `Keeper`",
        ),
    ] {
        let file = json!({"version": 1, "scenario": scenario});
        refused(&file.to_string(), says).await;
    }
    let none = alice.import(CARD).await.unwrap().character.unwrap();
    // Nothing was left behind by what was refused.
    let request = pb::ListCharactersRequest::default();
    let page = alice.characters().list_characters(alice.ask(request)).await;
    let ids: Vec<String> = page
        .unwrap()
        .into_inner()
        .characters
        .into_iter()
        .map(|it| it.id)
        .collect();
    assert_eq!(ids, [none.id]);
}

#[tokio::test]
async fn a_card_becomes_a_character_with_a_scenario_and_a_repeat_nothing_more() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let import = async || {
        let request = pb::ImportScenarioRequest {
            file: Some(HttpBody {
                data: CARD.as_bytes().into(),
                ..Default::default()
            }),
            request_id: "i-1".to_owned(),
        };
        let imported = alice.scenarios().import_scenario(alice.ask(request)).await;
        imported.unwrap().into_inner().scenario.unwrap()
    };
    let made = import().await;
    assert_eq!(
        (&*made.name, &*made.premise),
        ("Mira", "A storm is coming.")
    );
    let started = alice.start(&made.id, &[]).await.unwrap();
    assert_eq!(
        started.greeting.unwrap().text,
        "Come in, Alice. The storm is near."
    );
    assert_eq!(import().await.id, made.id);
    let request = pb::ListCharactersRequest::default();
    let page = alice.characters().list_characters(alice.ask(request)).await;
    assert_eq!(page.unwrap().into_inner().characters.len(), 1);
}

#[tokio::test]
async fn the_example_of_a_scenario_is_imported_and_played() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let plain = include_str!("../../../../examples/scenarios/low-water.json");
    let imported = alice.import_scenario(plain).await.unwrap();
    assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
    let low_water = imported.scenario.unwrap();
    assert!(!low_water.is_template && low_water.cast.len() == 2);
    let started = alice.start(&low_water.id, &[]).await.unwrap();
    let session = started.session.unwrap();
    assert_eq!(session.character_name, "Isaura Penn");
    assert!(
        started
            .greeting
            .unwrap()
            .text
            .contains("You're not my thirteenth, Alice.")
    );
    let prompt = prompt_of(
        &stage,
        &alice,
        &session.id,
        "Is the sand safe at the fifth post?",
    )
    .await;
    for text in [
        "The tide turns in two hours.",
        "Nine posts mark",
        "Time passes:",
        "It answers. Dry sand",
    ] {
        assert!(prompt.contains(text), "{text}: {prompt}");
    }
    let as_organist = pb::StartScenarioRequest {
        scenario_id: low_water.id.clone(),
        role: "Organist".to_owned(),
        ..Default::default()
    };
    let organist = alice.start_with(as_organist).await.unwrap();
    let organist = organist.session.unwrap();
    assert_eq!(organist.character_name, "Corin Ashby");
    // He speaks by himself where he was asked for, and else when somebody lets him.
    for (session, is_muted) in [(&organist.id, false), (&session.id, true)] {
        let cast = alice.cast(session).await;
        let corin = cast.into_iter().find(|it| it.role == "Organist");
        assert_eq!(corin.unwrap().muted, is_muted);
    }
    is_exported_as(&alice, &low_water.id, plain).await;
}

#[tokio::test]
async fn the_example_of_a_template_is_imported_and_played() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let template = include_str!("../../../../examples/scenarios/the-understudy.json");
    let imported = alice.import_scenario(template).await.unwrap();
    assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
    let understudy = imported.scenario.unwrap();
    assert!(understudy.is_template);
    let refused = alice.start(&understudy.id, &[]).await.unwrap_err();
    assert!(refused.message().contains("`stage_name`"), "{refused}");
    let answers = [
        ("stage_name", "Pip Harrow"),
        ("town", "Low Fen"),
        ("play", "Nine Knocks"),
    ];
    let started = alice.start(&understudy.id, &answers).await.unwrap();
    let (session, greeting) = (started.session.unwrap(), started.greeting.unwrap());
    assert!(
        greeting.text.contains("\"Pip Harrow! Are you decent?"),
        "{}",
        greeting.text
    );
    assert!(!greeting.text.contains("{{"), "{}", greeting.text);
    let prompt = prompt_of(&stage, &alice, &session.id, "What of Low Fen?").await;
    for text in [
        "for 7 weeks",
        "Low Fen has seen one play",
        "as Pip Harrow.",
        "you sell insurance",
    ] {
        assert!(prompt.contains(text), "{text}: {prompt}");
    }
    is_exported_as(&alice, &understudy.id, template).await;
}

/// An example is as its own export says it.
async fn is_exported_as(person: &Person, scenario: &str, file: &str) {
    let exported = person.export_scenario(scenario, false).await.unwrap();
    let file: Value = serde_json::from_str(file).unwrap();
    for part in ["opening", "blanks", "lorebooks"] {
        assert_eq!(exported["scenario"][part], file["scenario"][part], "{part}");
    }
}
