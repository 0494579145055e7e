//! Scenarios as resources: made, listed, changed, copied and deleted.

use mesh::Channel;
use prost_types::FieldMask;
use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::scenario_service_client::ScenarioServiceClient;

use crate::stage::{CARD, Person, Stage, turn};

impl Person {
    pub(crate) fn scenarios(&self) -> ScenarioServiceClient<Channel> {
        ScenarioServiceClient::new(self.0.channel.clone()).max_decoding_message_size(32 << 20)
    }

    pub(crate) async fn scenario(&self, scenario: pb::Scenario) -> Result<pb::Scenario, Status> {
        let request = pb::CreateScenarioRequest {
            scenario: Some(scenario),
            request_id: String::new(),
        };
        let made = self.scenarios().create_scenario(self.ask(request)).await?;
        Ok(made.into_inner().scenario.unwrap())
    }

    pub(crate) async fn get_scenario(&self, id: &str) -> Result<pb::Scenario, Status> {
        let request = pb::GetScenarioRequest {
            scenario_id: id.to_owned(),
        };
        let got = self.scenarios().get_scenario(self.ask(request)).await?;
        Ok(got.into_inner().scenario.unwrap())
    }

    pub(crate) async fn change_scenario(
        &self,
        scenario: pb::Scenario,
        paths: &[&str],
    ) -> Result<pb::Scenario, Status> {
        let request = pb::UpdateScenarioRequest {
            scenario: Some(scenario),
            update_mask: Some(FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
        };
        let changed = self.scenarios().update_scenario(self.ask(request)).await?;
        Ok(changed.into_inner().scenario.unwrap())
    }

    pub(crate) async fn delete_scenario(&self, id: &str, etag: &str) -> Result<(), Status> {
        let request = pb::DeleteScenarioRequest {
            scenario_id: id.to_owned(),
            etag: etag.to_owned(),
        };
        let deleted = self.scenarios().delete_scenario(self.ask(request)).await;
        deleted.map(drop)
    }

    pub(crate) async fn character(&self, card: String) -> String {
        self.import(card).await.unwrap().character.unwrap().id
    }

    pub(crate) async fn delete_character(&self, id: &str) {
        let request = pb::DeleteCharacterRequest {
            character_id: id.to_owned(),
            ..Default::default()
        };
        let mut characters = self.characters();
        characters
            .delete_character(self.ask(request))
            .await
            .unwrap();
    }

    async fn listed_names(&self, query: &str, kind: pb::ScenarioKind) -> Vec<String> {
        let (mut names, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = pb::ListScenariosRequest {
                query: query.to_owned(),
                kind: kind.into(),
                page_size: 2,
                page_token,
                ..Default::default()
            };
            let page = self.scenarios().list_scenarios(self.ask(request)).await;
            let page = page.unwrap().into_inner();
            assert!(page.scenarios.len() <= 2);
            assert!(page.scenarios.iter().all(|it| it.opening.is_empty()));
            names.extend(page.scenarios.into_iter().map(|it| it.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return names;
            }
        }
    }
}

/// A scenario with everything, whose only role a character plays.
pub(crate) fn storm(character: &str, lorebook: &str) -> pb::Scenario {
    pb::Scenario {
        name: "Storm".to_owned(),
        description: "Of the north".to_owned(),
        tags: vec!["sea".to_owned(), "Zoë".to_owned()],
        rating: pb::ContentRating::Teen.into(),
        premise: "A storm holds {{blank::town}}.".to_owned(),
        opening: "Hold on, {{blank::hero}}! Says {{char}} to {{user}}.".to_owned(),
        cast: vec![pb::ScenarioRole {
            name: "Keeper".to_owned(),
            character_id: character.to_owned(),
            ..Default::default()
        }],
        lorebook_ids: vec![lorebook.to_owned()],
        notes: vec![pb::ScenarioNote {
            text: "Keep it short for {{blank::hero}}.".to_owned(),
            depth: Some(1),
            role: 0,
        }],
        variables: vec![pb::ScenarioVariable {
            name: "oil".to_owned(),
            value: "3 of {{blank::town}}".to_owned(),
        }],
        blanks: vec![
            pb::ScenarioBlank {
                name: "hero".to_owned(),
                label: "Who are you?".to_owned(),
                required: true,
                ..Default::default()
            },
            pb::ScenarioBlank {
                name: "town".to_owned(),
                default_value: Some("Varn".to_owned()),
                kind: pb::BlankKind::Text.into(),
                ..Default::default()
            },
        ],
        settings: Some(pb::GenerationSettings {
            temperature: Some(0.5),
            max_tokens: Some(77),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_scenario_is_read_as_it_was_made_and_changed_by_its_etag() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.character(CARD.to_owned()).await;
    let book = alice.lorebook("Varn").await;
    let asked = storm(&mira, &book.id);
    let made = alice.scenario(asked.clone()).await.unwrap();
    assert_eq!(alice.get_scenario(&made.id).await.unwrap(), made);
    assert!(made.id.starts_with("scn_") && made.is_template && made.owned);
    assert_eq!(made.visibility(), pb::Visibility::Private);
    assert_eq!(made.cast[0].character_name, "Mira");
    assert_eq!(
        (&made.premise, &made.opening, &made.blanks[1].default_value),
        (
            &asked.premise,
            &asked.opening,
            &asked.blanks[1].default_value
        )
    );
    assert_eq!(made.blanks[0].kind(), pb::BlankKind::Line);
    assert_eq!(
        (&made.settings, &made.lorebook_ids),
        (&asked.settings, &asked.lorebook_ids)
    );
    let renamed = pb::Scenario {
        name: "Calm".to_owned(),
        ..made.clone()
    };
    let changed = alice.change_scenario(renamed.clone(), &["name"]).await;
    let changed = changed.unwrap();
    assert_eq!((&*changed.name, &changed.opening), ("Calm", &made.opening));
    assert_ne!(changed.etag, made.etag);
    let refused = alice.change_scenario(renamed, &["name"]).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::EtagMismatch));
    let refused = alice
        .delete_scenario(&made.id, &made.etag)
        .await
        .unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::EtagMismatch));
    // What was read can be sent back whole.
    let again = alice
        .change_scenario(changed.clone(), &["*"])
        .await
        .unwrap();
    assert_eq!(again.etag, changed.etag);
    alice.delete_scenario(&made.id, &again.etag).await.unwrap();
    let gone = alice.get_scenario(&made.id).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    assert_eq!(alice.get_book(&book.id).await.unwrap().name, "Varn");
}

#[tokio::test]
async fn lists_by_pages_words_and_kind_without_texts() {
    let stage = Stage::new().await;
    let alice = stage.person();
    for number in 1..=3 {
        let scenario = pb::Scenario {
            name: format!("Plain {number}"),
            opening: "Hello".to_owned(),
            tags: vec!["ZOË".to_owned()],
            ..Default::default()
        };
        alice.scenario(scenario).await.unwrap();
    }
    let template = pb::Scenario {
        name: "Asked".to_owned(),
        blanks: vec![pb::ScenarioBlank {
            name: "hero".to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    };
    alice.scenario(template).await.unwrap();
    let all = pb::ScenarioKind::Unspecified;
    let names = alice.listed_names("", all).await;
    assert_eq!(names, ["Asked", "Plain 3", "Plain 2", "Plain 1"]);
    let names = alice.listed_names("zoe\u{308} 2", all).await;
    assert_eq!(names, ["Plain 2"]);
    let names = alice.listed_names("", pb::ScenarioKind::Template).await;
    assert_eq!(names, ["Asked"]);
    let names = alice.listed_names("", pb::ScenarioKind::Plain).await;
    assert_eq!(names.len(), 3);
    assert!(stage.person().listed_names("", all).await.is_empty());
    // One from a list can't clear what it doesn't have.
    let page = pb::ListScenariosRequest::default();
    let page = alice.scenarios().list_scenarios(alice.ask(page)).await;
    let listed = page.unwrap().into_inner().scenarios.remove(1);
    let refused = alice
        .change_scenario(listed.clone(), &["*"])
        .await
        .unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::EtagMismatch));
    alice.change_scenario(listed, &["name"]).await.unwrap();
}

#[tokio::test]
async fn is_made_of_a_character_and_of_a_session() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let request = pb::CreateScenarioFromCharacterRequest {
        character_id: session.character_id.clone(),
        ..Default::default()
    };
    let mut scenarios = alice.scenarios();
    let made = scenarios
        .create_scenario_from_character(alice.ask(request))
        .await;
    let of_card = made.unwrap().into_inner().scenario.unwrap();
    assert_eq!(
        (&*of_card.name, &*of_card.premise, &*of_card.opening),
        (
            "Mira",
            "A storm is coming.",
            "Come in, {{user}}. The storm is near."
        )
    );
    assert_eq!(of_card.cast[0].character_id, session.character_id);
    assert_eq!(of_card.tags, ["sea", "Quiet_100%"]);

    // The greeting that nobody answered keeps its macros; the one that was answered is what was said.
    let save = async |name: &str| {
        let request = pb::CreateScenarioFromSessionRequest {
            session_id: session.id.clone(),
            name: name.to_owned(),
            request_id: String::new(),
        };
        let mut scenarios = alice.scenarios();
        let made = scenarios
            .create_scenario_from_session(alice.ask(request))
            .await;
        made.unwrap().into_inner().scenario.unwrap()
    };
    let saved = save("").await;
    assert_eq!(saved.name, "Mira");
    assert_eq!(saved.opening, "Come in, {{user}}. The storm is near.");
    assert_eq!(saved.cast[0].character_id, session.character_id);
    turn(&stage, &alice, &session.id, "Hello", "Hi").await;
    let saved = save("Evening").await;
    assert_eq!(saved.name, "Evening");
    assert_eq!(saved.opening, "Come in, Alice. The storm is near.");
    // What a person wrote over it isn't read as macros later.
    let first = alice.path(&session.id).await.remove(0);
    let written = "{{noop}}{".to_owned() + "{{noop}}{user}} waits.";
    alice.edit(&session.id, &first.id, &written).await.unwrap();
    assert_eq!(alice.texts(&session.id).await[0], "{{user}} waits.");
    let saved = save("Odd").await;
    let start = alice.start(&saved.id, &[]).await.unwrap();
    assert_eq!(start.greeting.unwrap().text, "{{user}} waits.");
}

#[tokio::test]
async fn a_role_is_open_when_its_character_is_deleted() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.character(CARD.to_owned()).await;
    let book = alice.lorebook("Varn").await;
    let made = alice.scenario(storm(&mira, &book.id)).await.unwrap();
    let session = alice.start(&made.id, &[("hero", "Ada")]).await.unwrap();
    let session = session.session.unwrap();
    alice.delete_character(&mira).await;
    alice.delete_book(&book.id).await.unwrap();
    let left = alice.get_scenario(&made.id).await.unwrap();
    assert_eq!(
        (&*left.cast[0].character_id, &*left.cast[0].character_name),
        ("", "Mira")
    );
    assert!(left.lorebook_ids.is_empty());
    assert_ne!(left.etag, made.etag);
    let refused = alice.start(&made.id, &[("hero", "Ada")]).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::RoleOpen));
    assert!(refused.message().contains("`Keeper`"), "{refused}");
    let from = alice.started_from(&session.id).await.unwrap();
    let keeper = &from.cast[0];
    assert_eq!((&*keeper.name, &*keeper.character_id), ("Keeper", ""));
    assert_eq!(from.role, "");
    // The scenario can be changed all the same, and filled again.
    let odo = alice.character(CARD.replace("Mira", "Odo")).await;
    let filled = pb::Scenario {
        cast: vec![pb::ScenarioRole {
            character_id: odo,
            ..left.cast[0].clone()
        }],
        ..left
    };
    let filled = alice.change_scenario(filled, &["cast"]).await.unwrap();
    assert_eq!(filled.cast[0].character_name, "Odo");
}

#[tokio::test]
async fn refuses_what_is_no_scenario_and_says_by_how_much() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let refused = async |scenario: pb::Scenario| {
        let refused = alice.scenario(scenario).await.unwrap_err();
        assert_eq!(
            reason_of(&refused),
            Some(Reason::ScenarioInvalid),
            "{refused}"
        );
        refused.message().to_owned()
    };
    let named = || pb::Scenario {
        name: "Storm".to_owned(),
        ..Default::default()
    };
    assert!(refused(pb::Scenario::default()).await.contains("no name"));
    let roles = (0..35).map(|number| pb::ScenarioRole {
        name: format!("Role {number}"),
        ..Default::default()
    });
    let crowd = pb::Scenario {
        cast: roles.collect(),
        ..named()
    };
    assert!(
        refused(crowd)
            .await
            .contains("35 roles, 3 more than the 32")
    );
    let long = pb::Scenario {
        opening: "x".repeat(1_572_864),
        ..named()
    };
    let message = refused(long).await;
    assert!(message.contains("more than the 1572864"), "{message}");
    let unknown = pb::Scenario {
        opening: "{{blank::hero}}".to_owned(),
        ..named()
    };
    assert!(
        refused(unknown)
            .await
            .contains("the opening names the blank `hero`")
    );
    // What is somebody else's isn't there.
    let theirs = bob.character(CARD.to_owned()).await;
    let their_book = bob.lorebook("Theirs").await.id;
    let mine = alice.lorebook("Mine").await.id;
    for scenario in [storm(&theirs, &mine), storm("", &their_book)] {
        let refused = alice.scenario(scenario).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    }
    let twice = pb::Scenario {
        lorebook_ids: vec![mine.clone(), mine],
        ..named()
    };
    let refused = alice.scenario(twice).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_copy_is_of_its_own_and_a_repeat_makes_no_second_one() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.character(CARD.to_owned()).await;
    let book = alice.lorebook("Varn").await;
    let made = alice.scenario(storm(&mira, &book.id)).await.unwrap();
    let copy = async || {
        let request = pb::CopyScenarioRequest {
            scenario_id: made.id.clone(),
            request_id: "c-1".to_owned(),
            ..Default::default()
        };
        let copied = alice.scenarios().copy_scenario(alice.ask(request)).await;
        copied.unwrap().into_inner().scenario.unwrap()
    };
    let copied = copy().await;
    assert_eq!(copied.name, "Storm (copy)");
    assert_ne!(copied.id, made.id);
    assert_eq!((&copied.opening, &copied.cast), (&made.opening, &made.cast));
    assert_eq!(copied.lorebook_ids, made.lorebook_ids);
    assert_eq!(copy().await.id, copied.id);
    alice.delete_scenario(&made.id, "").await.unwrap();
    assert_eq!(alice.get_scenario(&copied.id).await.unwrap(), copied);
}

#[tokio::test]
async fn a_mask_reaches_into_the_settings_of_a_scenario() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let settings = |temperature, top_p| pb::GenerationSettings {
        temperature,
        top_p,
        ..Default::default()
    };
    let scenario = |settings| pb::Scenario {
        name: "Storm".to_owned(),
        settings,
        ..Default::default()
    };
    let first = scenario(Some(settings(Some(0.5), None)));
    let made = alice.scenario(first).await.unwrap();
    assert_eq!(made.settings, Some(settings(Some(0.5), None)));
    let change = async |settings, paths: &[&str]| {
        let scenario = pb::Scenario {
            id: made.id.clone(),
            ..scenario(settings)
        };
        let changed = alice.change_scenario(scenario, paths).await.unwrap();
        assert_eq!(alice.get_scenario(&made.id).await.unwrap(), changed);
        changed.settings.unwrap_or_default()
    };
    let warmer = Some(settings(Some(0.9), Some(0.25)));
    let changed = change(warmer.clone(), &["settings.top_p"]).await;
    assert_eq!(changed, settings(Some(0.5), Some(0.25)));
    // Without a mask, what isn't set stays.
    let changed = change(Some(settings(Some(0.75), None)), &[]).await;
    assert_eq!(changed, settings(Some(0.75), Some(0.25)));
    let changed = change(None, &["name", "settings.temperature"]).await;
    assert_eq!(changed, settings(None, Some(0.25)));
    let prompt = pb::PromptSettings {
        scan_depth: Some(2),
        include_names: Some(false),
        ..Default::default()
    };
    let with_prompt = pb::GenerationSettings {
        prompt: Some(prompt.clone()),
        ..Default::default()
    };
    let changed = change(Some(with_prompt), &["settings.prompt"]).await;
    assert_eq!(changed.prompt, Some(prompt.clone()));
    let changed = change(None, &["settings.prompt.scan_depth"]).await;
    let kept = pb::PromptSettings {
        scan_depth: None,
        ..prompt
    };
    assert_eq!((changed.prompt, changed.top_p), (Some(kept), Some(0.25)));
    let changed = change(warmer.clone(), &["settings"]).await;
    assert_eq!(Some(changed), warmer);
    assert_eq!(
        change(None, &["*"]).await,
        pb::GenerationSettings::default()
    );
}
