//! Sessions that start from scenarios.

use tonic::{Code, Status};
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use crate::scenarios::storm;
use crate::script::TEXT_MODEL;
use crate::stage::{CARD, Person, Stage};

impl Person {
    pub(crate) async fn start(
        &self,
        scenario: &str,
        answers: &[(&str, &str)],
    ) -> Result<pb::StartScenarioResponse, Status> {
        let answers = answers.iter().map(|(name, value)| pb::BlankAnswer {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        });
        self.start_with(pb::StartScenarioRequest {
            scenario_id: scenario.to_owned(),
            answers: answers.collect(),
            ..Default::default()
        })
        .await
    }

    pub(crate) async fn start_with(
        &self,
        request: pb::StartScenarioRequest,
    ) -> Result<pb::StartScenarioResponse, Status> {
        let started = self.scenarios().start_scenario(self.ask(request)).await?;
        Ok(started.into_inner())
    }

    pub(crate) async fn started_from(&self, session: &str) -> Result<pb::SessionScenario, Status> {
        let request = pb::GetSessionScenarioRequest {
            session_id: session.to_owned(),
        };
        let mut scenarios = self.scenarios();
        let got = scenarios.get_session_scenario(self.ask(request)).await?;
        Ok(got.into_inner().session_scenario.unwrap())
    }
}

/// The prompt of the next turn of a session.
pub(crate) async fn prompt_of(stage: &Stage, person: &Person, session: &str, said: &str) -> String {
    let watch = person.send(session, said).await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    call.say("Yes.");
    call.finish();
    watch.all().await;
    prompt
}

#[tokio::test]
async fn a_session_has_the_opening_the_notes_the_lore_and_the_settings() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.character(CARD.to_owned()).await;
    let book = alice.lorebook("Varn").await;
    alice
        .entry(
            &book.id,
            "beacon",
            "The beacon of {{blank::town}} is green, with {{getvar::oil}}.",
        )
        .await;
    let made = alice.scenario(storm(&mira, &book.id)).await.unwrap();
    let started = alice.start(&made.id, &[("hero", "Ada")]).await.unwrap();
    let (session, greeting) = (started.session.unwrap(), started.greeting.unwrap());
    assert_eq!(greeting.text, "Hold on, Ada! Says Mira to Alice.");
    assert_eq!(
        (
            &*session.title,
            &session.scenario_id,
            &*session.scenario_name
        ),
        ("Storm", &made.id, "Storm")
    );
    let settings = session.settings.clone().unwrap();
    assert_eq!(
        (settings.temperature, settings.max_tokens),
        (Some(0.5), Some(77))
    );
    let prompt = prompt_of(&stage, &alice, &session.id, "The beacon in the harbour?").await;
    for text in [
        "Scenario: A storm holds Varn.",
        "Keep it short for Ada.",
        "The beacon of Varn is green, with 3 of Varn.",
        // The character's own lore is there too, and its own scenario isn't.
        "The harbour froze last winter.",
    ] {
        assert!(prompt.contains(text), "{text}: {prompt}");
    }
    assert!(!prompt.contains("A storm is coming."), "{prompt}");
    // One message stands behind the note.
    let note = prompt.find("Keep it short").unwrap();
    assert!(note > prompt.find("Hold on, Ada!").unwrap());
    assert!(note < prompt.find("The beacon in the harbour?").unwrap());
    let from = alice.started_from(&session.id).await.unwrap();
    assert_eq!((&*from.name, &*from.role), ("Storm", "Keeper"));
    assert_eq!(from.variables[0].value, "3 of Varn");
    let answers: Vec<(&str, &str)> = from
        .answers
        .iter()
        .map(|it| (&*it.name, &*it.value))
        .collect();
    assert_eq!(answers, [("hero", "Ada"), ("town", "Varn")]);
    assert_eq!(from.lorebook_ids, [book.id]);
    let other = alice.open_session().await;
    let none = alice.started_from(&other.id).await.unwrap_err();
    assert_eq!(none.code(), Code::NotFound);
}

#[tokio::test]
async fn a_session_stays_as_it_began_when_the_scenario_changes_or_goes() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.character(CARD.to_owned()).await;
    let book = alice.lorebook("Varn").await;
    let entry = alice
        .entry(&book.id, "beacon", "The beacon is green.")
        .await;
    let made = alice.scenario(storm(&mira, &book.id)).await.unwrap();
    let started = alice.start(&made.id, &[("hero", "Ada")]).await.unwrap();
    let session = started.session.unwrap();
    let calm = pb::Scenario {
        premise: "All is calm.".to_owned(),
        ..made.clone()
    };
    alice.change_scenario(calm, &["premise"]).await.unwrap();
    alice.delete_scenario(&made.id, "").await.unwrap();
    // Its lorebooks are those of the session, in their newest form.
    let changed = pb::LorebookEntry {
        content: "The beacon is red.".to_owned(),
        ..entry
    };
    alice
        .change_entry(&book.id, changed, &["content"])
        .await
        .unwrap();
    let prompt = prompt_of(&stage, &alice, &session.id, "The beacon?").await;
    assert!(prompt.contains("A storm holds Varn."), "{prompt}");
    assert!(prompt.contains("The beacon is red."), "{prompt}");
    let session = alice.session(&session.id).await;
    assert_eq!(
        (&*session.scenario_id, &*session.scenario_name),
        ("", "Storm")
    );
    let from = alice.started_from(&session.id).await.unwrap();
    assert_eq!(
        (&*from.scenario_id, &*from.premise),
        ("", "A storm holds {{blank::town}}.")
    );
    // It can be saved again, with what was filled in as defaults.
    let request = pb::CreateScenarioFromSessionRequest {
        session_id: session.id.clone(),
        ..Default::default()
    };
    let mut scenarios = alice.scenarios();
    let saved = scenarios
        .create_scenario_from_session(alice.ask(request))
        .await;
    let saved = saved.unwrap().into_inner().scenario.unwrap();
    assert_eq!(
        (&saved.premise, &saved.opening),
        (&made.premise, &made.opening)
    );
    assert_eq!(
        (&saved.notes, &saved.variables),
        (&made.notes, &made.variables)
    );
    assert_eq!(saved.blanks[0].default_value.as_deref(), Some("Ada"));
    assert_eq!(saved.lorebook_ids, made.lorebook_ids);
    let again = alice.start(&saved.id, &[]).await.unwrap();
    assert_eq!(
        again.greeting.unwrap().text,
        "Hold on, Ada! Says Mira to Alice."
    );
}

#[tokio::test]
async fn answers_are_text_in_the_opening_in_lore_in_keys_and_in_notes() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.character(CARD.to_owned()).await;
    let book = alice.lorebook("Varn").await;
    for (key, content) in [
        ("{{blank::town}}", "Of the town: {{blank::town}}."),
        ("/about {{blank::town}}/", "As a pattern."),
        ("north", "The north is cold."),
    ] {
        alice.entry(&book.id, key, content).await;
    }
    let made = alice.scenario(storm(&mira, &book.id)).await.unwrap();
    let hero = "{{user}} {{blank::town}} {{random::a,b}} <char>";
    let answers = [("hero", hero), ("town", "/.*/ @@depth 0")];
    let started = alice.start(&made.id, &answers).await.unwrap();
    let (session, greeting) = (started.session.unwrap(), started.greeting.unwrap());
    let opening = format!("Hold on, {hero}! Says Mira to Alice.");
    assert_eq!(greeting.text, opening);
    // A key that somebody fills in is no pattern that matches everything, nor within one.
    let prompt = prompt_of(&stage, &alice, &session.id, "Tell me about it in the north").await;
    assert!(prompt.contains(&opening), "{prompt}");
    assert!(
        prompt.contains(&format!("Keep it short for {hero}.")),
        "{prompt}"
    );
    assert!(prompt.contains("A storm holds /.*/ @@depth 0."), "{prompt}");
    assert!(!prompt.contains("Of the town"), "{prompt}");
    assert!(!prompt.contains("As a pattern."), "{prompt}");
    let prompt = prompt_of(&stage, &alice, &session.id, "Tell me about /.*/ @@depth 0").await;
    assert!(prompt.contains("Of the town: /.*/ @@depth 0."), "{prompt}");
    assert!(prompt.contains("As a pattern."), "{prompt}");
    // What was said stays what it was.
    assert_eq!(alice.texts(&session.id).await[0], opening);
}

#[tokio::test]
async fn blanks_without_an_answer_are_refused_by_name() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.character(CARD.to_owned()).await;
    let book = alice.lorebook("Varn").await;
    let made = alice.scenario(storm(&mira, &book.id)).await.unwrap();
    for (answers, says, blank) in [
        (&[][..], "the blank `hero`", "hero"),
        (&[("hero", "  ")][..], "the blank `hero`", "hero"),
        (&[("hero", "a\nb")][..], "must be one line", "hero"),
        (
            &[("hero", "Ada"), ("age", "7")][..],
            "no blank `age`",
            "age",
        ),
    ] {
        let refused = alice.start(&made.id, answers).await.unwrap_err();
        assert_eq!(
            reason_of(&refused),
            Some(Reason::BlanksUnfilled),
            "{refused}"
        );
        assert!(refused.message().contains(says), "{refused}");
        let info = refused.get_details_error_info().unwrap();
        assert_eq!(info.metadata["blanks"], blank);
    }
}

#[tokio::test]
async fn a_role_is_chosen_and_filled_and_a_repeat_starts_one_session() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.character(CARD.to_owned()).await;
    let odo = alice.character(CARD.replace("Mira", "Odo")).await;
    let role = |name: &str, character: &str| pb::ScenarioRole {
        name: name.to_owned(),
        character_id: character.to_owned(),
        ..Default::default()
    };
    let scenario = pb::Scenario {
        name: "Two".to_owned(),
        cast: vec![role("Keeper", &mira), role("Guest", "")],
        ..Default::default()
    };
    let made = alice.scenario(scenario).await.unwrap();
    let as_guest = || pb::StartScenarioRequest {
        scenario_id: made.id.clone(),
        role: "Guest".to_owned(),
        ..Default::default()
    };
    let refused = alice.start_with(as_guest()).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::RoleOpen));
    let with_odo = || pb::StartScenarioRequest {
        castings: vec![pb::RoleCasting {
            role: "Guest".to_owned(),
            character_id: odo.clone(),
        }],
        request_id: "s-1".to_owned(),
        session: Some(pb::Session {
            title: "Mine".to_owned(),
            model_id: TEXT_MODEL.to_owned(),
            settings: Some(pb::GenerationSettings {
                top_p: Some(0.9),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..as_guest()
    };
    let started = alice.start_with(with_odo()).await.unwrap();
    let session = started.session.unwrap();
    assert_eq!(
        (
            &session.character_id,
            &*session.character_name,
            &*session.title
        ),
        (&odo, "Odo", "Mine")
    );
    assert_eq!(session.settings.unwrap().top_p, Some(0.9));
    // Without an opening, the character greets as always.
    assert_eq!(
        started.greeting.unwrap().text,
        "Come in, Alice. The storm is near."
    );
    let from = alice.started_from(&session.id).await.unwrap();
    let cast: Vec<(&str, &str)> = from
        .cast
        .iter()
        .map(|role| (&*role.name, &*role.character_name))
        .collect();
    assert_eq!(
        (&*from.role, cast),
        ("Guest", vec![("Keeper", "Mira"), ("Guest", "Odo")])
    );
    let again = alice.start_with(with_odo()).await.unwrap();
    assert_eq!(again.session.unwrap().id, session.id);
    let unknown = pb::StartScenarioRequest {
        role: "Nobody".to_owned(),
        ..as_guest()
    };
    let refused = alice.start_with(unknown).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_scenario_without_roles_is_played_by_the_character_that_is_named() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.character(CARD.to_owned()).await;
    let bare = pb::Scenario {
        name: "Bare".to_owned(),
        opening: "So.".to_owned(),
        ..Default::default()
    };
    let bare = alice.scenario(bare).await.unwrap();
    let refused = alice.start(&bare.id, &[]).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::RoleOpen));
    let request = pb::StartScenarioRequest {
        scenario_id: bare.id,
        session: Some(pb::Session {
            character_id: mira,
            ..Default::default()
        }),
        ..Default::default()
    };
    let started = alice.start_with(request).await.unwrap();
    assert_eq!(started.greeting.unwrap().text, "So.");
}

#[tokio::test]
async fn texts_that_answers_make_too_long_are_refused_with_by_how_much() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.character(CARD.to_owned()).await;
    let long = pb::Scenario {
        opening: "{{blank::town}}".repeat(400),
        ..storm(&mira, &alice.lorebook("Varn").await.id)
    };
    let made = alice.scenario(long).await.unwrap();
    let answer = "x".repeat(4_000);
    let answers = [("hero", "Ada"), ("town", &*answer)];
    let refused = alice.start(&made.id, &answers).await.unwrap_err();
    assert_eq!(
        reason_of(&refused),
        Some(Reason::PromptTooLong),
        "{refused}"
    );
    assert!(refused.message().contains("1048576"), "{refused}");
    assert!(alice.start(&made.id, &[("hero", "Ada")]).await.is_ok());
}
