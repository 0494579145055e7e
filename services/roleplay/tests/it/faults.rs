//! A refusal for what a field holds names the field.

use serde_json::json;
use tonic::Status;
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use crate::scenarios::storm;
use crate::stage::{CARD, Stage};

/// The reason of a refusal, and the field that it names.
fn fault<T: std::fmt::Debug>(refused: Result<T, Status>) -> (Reason, String) {
    let refused = refused.unwrap_err();
    let Some(request) = refused.get_details_bad_request() else {
        panic!("{refused} names no field");
    };
    let mut violations = request.field_violations;
    assert_eq!(violations.len(), 1, "{refused}");
    assert!(!violations[0].description.is_empty(), "{refused}");
    let reason = reason_of(&refused).unwrap();
    (reason, violations.remove(0).field)
}

fn of(reason: Reason, field: &str) -> (Reason, String) {
    (reason, field.to_owned())
}

#[tokio::test]
async fn a_page_token_of_no_list_is_at_fault() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let page_token = "x".to_owned();
    let request = alice.ask(pb::ListPersonasRequest {
        page_token: page_token.clone(),
        ..Default::default()
    });
    let refused = alice.personas().list_personas(request).await;
    let expected = of(Reason::PageTokenInvalid, "page_token");
    assert_eq!(fault(refused), expected);
    let request = alice.ask(pb::ListSessionsRequest {
        page_token,
        ..Default::default()
    });
    assert_eq!(
        fault(alice.sessions().list_sessions(request).await),
        expected
    );
}

#[tokio::test]
async fn a_character_without_a_name_is_told_of_its_name() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let character = alice.import(CARD).await.unwrap().character.unwrap();
    let change = async |character: pb::Character, path: &str| {
        let request = alice.ask(pb::UpdateCharacterRequest {
            character: Some(character),
            update_mask: Some(prost_types::FieldMask {
                paths: vec![path.to_owned()],
            }),
        });
        alice.characters().update_character(request).await
    };
    let nameless = pb::Character {
        id: character.id.clone(),
        ..Default::default()
    };
    let refused = change(nameless.clone(), "name").await;
    let text = refused.as_ref().unwrap_err().message().to_owned();
    assert!(text.contains("name") && !text.contains("import"), "{text}");
    let expected = of(Reason::CardInvalid, "character.name");
    assert_eq!(fault(refused), expected);
    let request = alice.ask(pb::CreateCharacterRequest {
        character: Some(pb::Character::default()),
        request_id: String::new(),
    });
    let refused = alice.characters().create_character(request).await;
    assert_eq!(fault(refused), expected);
    let nul = pb::Character {
        scenario: "a\0b".to_owned(),
        ..nameless
    };
    assert_eq!(
        fault(change(nul, "scenario").await),
        of(Reason::InvalidRequest, "character.scenario")
    );
}

#[tokio::test]
async fn a_file_that_is_none_is_at_fault() {
    let stage = Stage::new().await;
    let alice = stage.person();
    for file in ["", "{", r#"{"name": ""}"#] {
        let refused = alice.import(file).await;
        assert_eq!(fault(refused), of(Reason::CardInvalid, "file"), "{file}");
        let refused = alice.import_book(file.to_owned()).await;
        let expected = of(Reason::InvalidRequest, "file");
        assert_eq!(fault(refused), expected, "{file}");
        let refused = alice.import_scenario(file).await;
        let expected = of(Reason::ScenarioInvalid, "file");
        assert_eq!(fault(refused), expected, "{file}");
    }
}

#[tokio::test]
async fn a_part_of_a_scenario_is_at_fault() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let named = pb::Scenario {
        name: "Storm".to_owned(),
        ..Default::default()
    };
    let made = alice.scenario(named.clone()).await.unwrap();
    let twice = |name: &str| pb::ScenarioVariable {
        name: name.to_owned(),
        ..Default::default()
    };
    for (scenario, field) in [
        (pb::Scenario::default(), "scenario.name"),
        (
            pb::Scenario {
                premise: "{{blank::town}}".to_owned(),
                ..named.clone()
            },
            "scenario.premise",
        ),
        (
            pb::Scenario {
                variables: vec![twice("oil"), twice("oil")],
                ..named.clone()
            },
            "scenario.variables",
        ),
        (
            pb::Scenario {
                cast: vec![pb::ScenarioRole::default()],
                ..named.clone()
            },
            "scenario.cast",
        ),
    ] {
        let expected = of(Reason::ScenarioInvalid, field);
        assert_eq!(fault(alice.scenario(scenario.clone()).await), expected);
        let scenario = pb::Scenario {
            id: made.id.clone(),
            ..scenario
        };
        let refused = alice.change_scenario(scenario, &["*"]).await;
        assert_eq!(fault(refused), expected);
    }
    let mira = alice.character(CARD.to_owned()).await;
    let book = alice.lorebook("Varn").await;
    let template = alice.scenario(storm(&mira, &book.id)).await.unwrap();
    let refused = alice.start(&template.id, &[("age", "7")]).await;
    assert_eq!(fault(refused), of(Reason::BlanksUnfilled, "answers"));
    // What a file says of its own is at fault as the file.
    let file = json!({"version": 1, "scenario": {"name": "x", "premise": "{{blank::town}}"}});
    let refused = alice.import_scenario(&file.to_string()).await;
    assert_eq!(fault(refused), of(Reason::ScenarioInvalid, "file"));
}
