//! Scenarios of several characters: those who fill the roles play in the session.

use serde_json::json;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use crate::scenario_starts::prompt_of;
use crate::stage::{Person, Stage};
use crate::troupe::{answer, round};

/// A role that a character fills, or nobody does.
fn role(name: &str, character: &str) -> pb::ScenarioRole {
    pb::ScenarioRole {
        name: name.to_owned(),
        character_id: character.to_owned(),
        ..pb::ScenarioRole::default()
    }
}

/// On a ship: the captain Mira, the mate Tom, the cook Wren, who is mute, and nobody on the lookout. All speak in turn.
async fn ship(person: &Person) -> (pb::Scenario, [String; 3]) {
    let ids = [
        person.actor("Mira").await,
        person.actor("Tom").await,
        person.actor("Wren").await,
    ];
    let [mira, tom, wren] = &ids;
    let turns = pb::TurnSettings {
        strategy: Some(pb::TurnStrategy::List.into()),
        cards: Some(pb::PromptCards::Joined.into()),
        ..pb::TurnSettings::default()
    };
    let scenario = pb::Scenario {
        name: "Ship".to_owned(),
        premise: "A ship in the ice.".to_owned(),
        cast: vec![
            role("Captain", mira),
            pb::ScenarioRole {
                talkativeness: Some(0.25),
                aliases: vec!["Skipper".to_owned()],
                ..role("Mate", tom)
            },
            role("Lookout", ""),
            pb::ScenarioRole {
                muted: true,
                ..role("Cook", wren)
            },
        ],
        settings: Some(pb::GenerationSettings {
            turns: Some(turns),
            ..pb::GenerationSettings::default()
        }),
        ..pb::Scenario::default()
    };
    (person.scenario(scenario).await.unwrap(), ids)
}

async fn started(person: &Person, scenario: &str) -> pb::Session {
    let started = person.start(scenario, &[]).await.unwrap();
    started.session.unwrap()
}

async fn saved(person: &Person, session: &str) -> pb::Scenario {
    let request = pb::CreateScenarioFromSessionRequest {
        session_id: session.to_owned(),
        ..Default::default()
    };
    let mut scenarios = person.scenarios();
    let saved = scenarios.create_scenario_from_session(person.ask(request));
    saved.await.unwrap().into_inner().scenario.unwrap()
}

/// Who plays what.
fn played(cast: &[pb::CastMember]) -> Vec<(&str, &str)> {
    let cast = cast.iter();
    cast.map(|it| (&*it.character_name, &*it.role)).collect()
}

/// By whom roles are filled.
fn filled(cast: &[pb::ScenarioRole]) -> Vec<(&str, &str)> {
    let cast = cast.iter();
    cast.map(|it| (&*it.name, &*it.character_name)).collect()
}

#[tokio::test]
async fn all_who_fill_roles_play_as_the_roles_say() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (scenario, ids) = ship(&alice).await;
    let session = started(&alice, &scenario.id).await;
    assert_eq!(session.character_id, ids[0]);
    let cast = alice.cast(&session.id).await;
    let names = [("Mira", "Captain"), ("Tom", "Mate"), ("Wren", "Cook")];
    assert_eq!(played(&cast), names);
    assert_eq!(cast[1].talkativeness, Some(0.25));
    assert_eq!(cast[1].aliases, ["Skipper"]);
    assert_eq!(
        cast.iter().map(|it| it.muted).collect::<Vec<_>>(),
        [false, false, true]
    );
    // Those who aren't muted answer, one after the other, with what is known of both and the premise once.
    let watch = alice.send(&session.id, "Ahoy!").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    for text in ["Mira is known as Mira.", "Tom is known as Tom."] {
        assert!(prompt.contains(text), "{prompt}");
    }
    assert_eq!(prompt.matches("A ship in the ice.").count(), 1, "{prompt}");
    assert!(!prompt.contains("Wren is known as Wren."), "{prompt}");
    answer(call, "Aye.");
    let first = watch.all().await.2.generation.unwrap();
    let next = alice.watch(&first.next_generation_id, 0).await.unwrap();
    let rest = round(&stage, &alice, next, "Aye, aye.").await;
    assert_eq!(rest.len(), 1);
    let said = alice.said(&session.id).await;
    let speakers: Vec<&str> = said.iter().rev().take(2).map(|it| &*it.0).collect();
    assert_eq!(speakers, ["Tom", "Mira"]);
    let from = alice.started_from(&session.id).await.unwrap();
    assert_eq!(from.role, "Captain");
    let roles = [
        ("Captain", "Mira"),
        ("Mate", "Tom"),
        ("Lookout", ""),
        ("Cook", "Wren"),
    ];
    assert_eq!(filled(&from.cast), roles);
}

#[tokio::test]
async fn without_an_opening_all_greet_and_with_one_the_first_says_it() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (scenario, ids) = ship(&alice).await;
    let session = started(&alice, &scenario.id).await;
    let greetings = [
        "Mira greets Alice before Tom, Wren, Alice.",
        "Tom greets Alice before Mira, Wren, Alice.",
        "Wren greets Alice before Mira, Tom, Alice.",
    ];
    assert_eq!(alice.texts(&session.id).await, greetings);
    let opened = pb::Scenario {
        id: scenario.id.clone(),
        opening: "Ice! Says {{char}} to {{group}}.".to_owned(),
        ..pb::Scenario::default()
    };
    alice.change_scenario(opened, &["opening"]).await.unwrap();
    let as_mate = pb::StartScenarioRequest {
        scenario_id: scenario.id.clone(),
        role: "Mate".to_owned(),
        ..Default::default()
    };
    let session = alice.start_with(as_mate).await.unwrap().session.unwrap();
    assert_eq!(session.character_id, ids[1]);
    let said = alice.said(&session.id).await;
    assert_eq!(said.len(), 1);
    let (speaker, text) = &said[0];
    assert_eq!(
        (&**speaker, &**text),
        ("Tom", "Ice! Says Tom to Tom, Mira, Wren.")
    );
}

#[tokio::test]
async fn requests_fill_roles_and_bring_others_and_nobody_plays_twice() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (scenario, [mira, tom, wren]) = ship(&alice).await;
    let odo = alice.actor("Odo").await;
    let joining = |id: &str| pb::CastMember {
        character_id: id.to_owned(),
        muted: true,
        ..pb::CastMember::default()
    };
    let with = |castings: &[(&str, &str)], cast: Vec<pb::CastMember>| {
        let castings = castings.iter().map(|(role, id)| pb::RoleCasting {
            role: (*role).to_owned(),
            character_id: (*id).to_owned(),
        });
        pb::StartScenarioRequest {
            scenario_id: scenario.id.clone(),
            castings: castings.collect(),
            session: Some(pb::Session {
                cast,
                ..Default::default()
            }),
            ..Default::default()
        }
    };
    // Wren is cast for the lookout too, and Tom plays the captain.
    let castings = [("Lookout", &*wren), ("Captain", &*tom)];
    let request = with(&castings, vec![joining(&odo)]);
    let session = alice.start_with(request).await.unwrap().session.unwrap();
    let cast = alice.cast(&session.id).await;
    let names = [("Tom", "Captain"), ("Wren", "Lookout"), ("Odo", "")];
    assert_eq!(played(&cast), names);
    assert_eq!((cast[1].muted, cast[2].muted), (false, true));
    let from = alice.started_from(&session.id).await.unwrap();
    let roles = [
        ("Captain", "Tom"),
        ("Mate", "Tom"),
        ("Lookout", "Wren"),
        ("Cook", "Wren"),
    ];
    let open: Vec<bool> = from
        .cast
        .iter()
        .map(|it| it.character_id.is_empty())
        .collect();
    assert_eq!(filled(&from.cast), roles);
    assert_eq!(open, [false, true, false, true]);
    let twice = with(&[], vec![joining(&mira)]);
    let refused = alice.start_with(twice).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::CastUnsuitable));
    let bob = stage.person();
    let theirs = bob.actor("Stranger").await;
    for request in [
        with(&[("Mate", &theirs)], Vec::new()),
        with(&[], vec![joining(&theirs)]),
    ] {
        let refused = alice.start_with(request).await.unwrap_err();
        assert_eq!(reason_of(&refused), Some(Reason::NotFound));
    }
}

#[tokio::test]
async fn a_saved_session_keeps_its_cast_as_it_is_then_and_starts_with_it() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (scenario, [_, tom, wren]) = ship(&alice).await;
    let session = started(&alice, &scenario.id).await;
    let odo = pb::CastMember {
        character_id: alice.actor("Odo").await,
        aliases: vec!["Bosun".to_owned()],
        ..pb::CastMember::default()
    };
    alice.bring(&session.id, odo).await.unwrap();
    alice.mute(&session.id, &wren, false).await;
    alice.mute(&session.id, &tom, true).await;
    let watch = alice.send(&session.id, "Ahoy!").await.unwrap();
    round(&stage, &alice, watch, "Aye.").await;
    let kept = saved(&alice, &session.id).await;
    let roles = [
        ("Captain", "Mira"),
        ("Mate", "Tom"),
        ("Cook", "Wren"),
        ("Odo", "Odo"),
        ("Lookout", ""),
    ];
    assert_eq!(filled(&kept.cast), roles);
    let mate = &kept.cast[1];
    assert_eq!((mate.muted, mate.talkativeness), (true, Some(0.25)));
    assert_eq!(mate.aliases, ["Skipper"]);
    assert!(!kept.cast[2].muted);
    assert_eq!(kept.cast[3].aliases, ["Bosun"]);
    let turns = |it: &pb::Scenario| it.settings.clone().unwrap().turns;
    assert_eq!(turns(&kept), turns(&scenario));
    // They greet again.
    assert_eq!(kept.opening, "");
    let again = started(&alice, &kept.id).await;
    assert_eq!(alice.path(&again.id).await.len(), 4);
    let cast = alice.cast(&again.id).await;
    let names = [
        ("Mira", "Captain"),
        ("Tom", "Mate"),
        ("Wren", "Cook"),
        ("Odo", "Odo"),
    ];
    assert_eq!(played(&cast), names);
    // A first message that somebody wrote anew is the opening.
    let first = alice.path(&again.id).await.remove(0);
    alice
        .edit(&again.id, &first.id, "Ice, {{user}}!")
        .await
        .unwrap();
    assert_eq!(saved(&alice, &again.id).await.opening, "Ice, Alice!");
}

#[tokio::test]
async fn a_file_has_the_cast_and_how_it_takes_part() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let (scenario, _) = ship(&alice).await;
    let file = alice.export_scenario(&scenario.id, false).await.unwrap();
    let cook = &file["scenario"]["cast"][3];
    assert_eq!(cook["muted"], true);
    assert_eq!(cook["card"]["data"]["name"], "Wren");
    assert_eq!(file["scenario"]["settings"]["turns"]["cards"], "joined");
    let imported = bob.import_scenario(&file.to_string()).await.unwrap();
    assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
    let theirs = imported.scenario.unwrap();
    assert_eq!(theirs.settings, scenario.settings);
    let session = started(&bob, &theirs.id).await;
    let cast = bob.cast(&session.id).await;
    let names = [("Mira", "Captain"), ("Tom", "Mate"), ("Wren", "Cook")];
    assert_eq!(played(&cast), names);
    assert_eq!((cast[1].talkativeness, cast[2].muted), (Some(0.25), true));
    assert_eq!(bob.export_scenario(&theirs.id, false).await.unwrap(), file);
    for (field, value, problem) in [
        ("talkativeness", json!(1.5), "at most 1"),
        ("muted", json!("yes"), "of the type boolean"),
        ("aliases", json!(vec!["a"; 17]), "17 items"),
    ] {
        let mut wrong = file.clone();
        wrong["scenario"]["cast"][0][field] = value;
        let refused = bob.import_scenario(&wrong.to_string()).await.unwrap_err();
        assert!(refused.message().contains(problem), "{refused}");
    }
}

#[tokio::test]
async fn a_role_is_open_again_when_its_character_goes_and_is_kept_by_who_follows() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (scenario, [mira, tom, _]) = ship(&alice).await;
    let session = started(&alice, &scenario.id).await;
    alice.delete_character(&tom).await;
    alice.take_out(&session.id, &mira, "").await.unwrap();
    let from = alice.started_from(&session.id).await.unwrap();
    assert_eq!(from.role, "Cook");
    let open: Vec<bool> = from
        .cast
        .iter()
        .map(|it| it.character_id.is_empty())
        .collect();
    assert_eq!(open, [true, true, true, false]);
    let newer = alice.actor("Wren the Younger").await;
    let request = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            id: session.id.clone(),
            character_id: newer,
            ..Default::default()
        }),
        update_mask: None,
    };
    let recast = alice.sessions().update_session(alice.ask(request)).await;
    recast.unwrap();
    let cast = alice.cast(&session.id).await;
    assert_eq!(played(&cast), [("Wren the Younger", "Cook")]);
    let prompt = prompt_of_named(&stage, &alice, &session.id).await;
    assert!(prompt.contains("A ship in the ice."), "{prompt}");
}

/// The prompt of somebody's only character, muted or not.
async fn prompt_of_named(stage: &Stage, person: &Person, session: &str) -> String {
    let id = person.cast(session).await.remove(0).character_id;
    person.mute(session, &id, false).await;
    prompt_of(stage, person, session, "Ahoy?").await
}
