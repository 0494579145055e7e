//! What an owner doesn't show stays with them, whatever way somebody looks for it who has a session with it.

use serde_json::{Value, json};
use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use crate::card_files::{card_with_assets, charx};
use crate::scenario_starts::prompt_of;
use crate::scenarios::storm;
use crate::sharing::listing;
use crate::stage::{CARD, Person, Stage, turn};

/// A character whose texts all have this word, but for its greeting.
const SECRET: &str = "Xylophage";

pub(crate) fn secret_card() -> String {
    let mut card: Value = serde_json::from_str(CARD).unwrap();
    for field in [
        "description",
        "personality",
        "scenario",
        "mes_example",
        "creator_notes",
        "system_prompt",
        "post_history_instructions",
    ] {
        card["data"][field] = format!("{SECRET} {field}").into();
    }
    card["data"]["alternate_greetings"] = json!([format!("Hm.{{{{// {SECRET}}}}}")]);
    card["data"]["extensions"]["depth_prompt"]["prompt"] = format!("{SECRET} note").into();
    card["data"]["character_book"]["entries"][0] = json!({
        "id": format!("{SECRET} id"),
        "keys": ["harbour", format!("{SECRET} key")],
        "comment": format!("{SECRET} name"),
        "content": format!("{SECRET} lore"),
        "enabled": true, "insertion_order": 1, "extensions": {},
    });
    card.to_string()
}

/// Bob's session with a character of Alice's, who shows its card or doesn't.
async fn shared(stage: &Stage, card_shown: bool) -> (Person, Person, pb::Session) {
    let (alice, bob) = (stage.person(), stage.person());
    let character = alice.character(secret_card()).await;
    alice
        .share(&character, pb::Visibility::Link, card_shown)
        .await
        .unwrap();
    let link = alice.link_to(&character).await;
    let session = bob.open_with(&character, &link.share_token).await.unwrap();
    (alice, bob, session)
}

pub(crate) fn tells(answer: &impl std::fmt::Debug) -> bool {
    format!("{answer:?}").contains(SECRET)
}

async fn recast(person: &Person, session: &str, character: &str) {
    let request = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            id: session.to_owned(),
            character_id: character.to_owned(),
            ..Default::default()
        }),
        update_mask: None,
    };
    let recast = person.sessions().update_session(person.ask(request)).await;
    recast.unwrap();
}

pub(crate) async fn preview(person: &Person, session: &str) -> pb::PreviewPromptResponse {
    let request = pb::PreviewPromptRequest {
        session_id: session.to_owned(),
        ..Default::default()
    };
    let preview = person.sessions().preview_prompt(person.ask(request)).await;
    preview.unwrap().into_inner()
}

pub(crate) async fn receipt(person: &Person, generation: &str) -> pb::PromptReceipt {
    let request = pb::GetGenerationReceiptRequest {
        generation_id: generation.to_owned(),
    };
    let mut generations = person.generations();
    let receipt = generations
        .get_generation_receipt(person.ask(request))
        .await;
    receipt.unwrap().into_inner().receipt.unwrap()
}

#[tokio::test]
async fn the_character_is_read_without_its_card_and_its_etag_tells_nothing() {
    let stage = Stage::new().await;
    let (alice, bob, session) = shared(&stage, false).await;
    let id = &session.character_id;
    let seen = bob.get_character(id).await.unwrap();
    assert!(!tells(&seen) && seen.card.is_none() && seen.assets.is_empty());
    assert_eq!((&*seen.name, seen.book_entry_count), ("Mira", 0));
    // A change of what isn't shown changes nothing that is.
    stage.time().advance(std::time::Duration::from_secs(5));
    let book = alice.books(id).await.remove(0);
    alice.entry(&book.id, "gate", "The gate is shut.").await;
    assert_eq!(bob.get_character(id).await.unwrap(), seen);
    let own = alice.get_character(id).await.unwrap();
    assert!(tells(&own) && own.etag != seen.etag);
}

#[tokio::test]
async fn neither_exports_nor_assets_nor_lorebooks_show_the_card() {
    let stage = Stage::new().await;
    let (_, bob, session) = shared(&stage, false).await;
    let id = &session.character_id;
    for format in [
        pb::CardFormat::Json,
        pb::CardFormat::Png,
        pb::CardFormat::Charx,
        pb::CardFormat::JpegCharx,
    ] {
        let request = pb::ExportCharacterRequest {
            character_id: id.clone(),
            format: format.into(),
            ..Default::default()
        };
        let refused = bob.characters().export_character(bob.ask(request)).await;
        assert_eq!(reason_of(&refused.unwrap_err()), Some(Reason::CardHidden));
    }
    assert!(bob.books(id).await.is_empty());
    // The book of a card has the number of its character.
    let book = id.replace("chr_", "lor_");
    assert_eq!(
        bob.get_book(&book).await.unwrap_err().code(),
        Code::NotFound
    );
    let request = pb::GetLorebookEntryRequest {
        lorebook_id: book.clone(),
        entry_id: format!("{SECRET} id"),
    };
    let entry = bob.lorebooks().get_lorebook_entry(bob.ask(request)).await;
    assert_eq!(entry.unwrap_err().code(), Code::NotFound);
    let request = pb::CreateScenarioFromCharacterRequest {
        character_id: id.clone(),
        ..Default::default()
    };
    let mut scenarios = bob.scenarios();
    let refused = scenarios
        .create_scenario_from_character(bob.ask(request))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn neither_prompts_nor_receipts_show_the_card() {
    let stage = Stage::new().await;
    let (alice, bob, session) = shared(&stage, false).await;
    let watch = bob.send(&session.id, "The harbour?").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    assert!(prompt.contains("Xylophage lore"), "{prompt}");
    call.say("Yes.");
    call.finish();
    let generation = watch.all().await.2.generation.unwrap();
    let read = receipt(&bob, &generation.id).await;
    assert!(!tells(&read) && read.lore.is_empty(), "{read:?}");
    assert!(read.spans.iter().all(|span| span.source != "lore"));
    assert!(read.token_count > 0 && !read.spans.is_empty());
    let shown = preview(&bob, &session.id).await;
    assert!(!tells(&shown) && shown.messages.is_empty() && shown.text.is_empty());
    // Once she shows it, he may read it, and when she hides it again, no more.
    alice
        .share(&session.character_id, pb::Visibility::Link, true)
        .await
        .unwrap();
    assert!(tells(&preview(&bob, &session.id).await));
    assert!(tells(&receipt(&bob, &generation.id).await));
    alice
        .share(&session.character_id, pb::Visibility::Private, true)
        .await
        .unwrap();
    assert!(!tells(&receipt(&bob, &generation.id).await));
    // Nor when the session has another character since, or hers is gone.
    let own = bob.character(CARD.to_owned()).await;
    recast(&bob, &session.id, &own).await;
    assert!(!tells(&receipt(&bob, &generation.id).await));
    alice.delete_character(&session.character_id).await;
    assert!(!tells(&receipt(&bob, &generation.id).await));
    // Bob's own are his to read.
    let reply = turn(&stage, &bob, &session.id, "The harbour now?", "Yes.").await;
    assert!(!receipt(&bob, &reply.generation_id).await.lore.is_empty());
}

#[tokio::test]
async fn macros_in_what_is_said_tell_nothing_of_the_card() {
    let stage = Stage::new().await;
    let (_, bob, session) = shared(&stage, false).await;
    let fields = "{{description}}{{personality}}{{scenario}}{{mesExamples}}{{charPrompt}}{{charInstruction}}\
                  {{charDepthPrompt}}{{charCreatorNotes}}{{charFirstMessage}}";
    let watch = bob
        .send(&session.id, &format!("So: {fields}"))
        .await
        .unwrap();
    let call = stage.call().await;
    // The model may be talked into writing them too.
    call.say(&format!("Well: {fields} {{{{char}}}} of {{{{user}}}}."));
    call.finish();
    watch.all().await;
    let last = bob.path(&session.id).await.pop().unwrap();
    assert_eq!(last.text, "Well:  Mira of Alice.");
    bob.edit(&session.id, &last.id, &format!("Edited {fields}!"))
        .await
        .unwrap();
    let request = pb::AddMessageRequest {
        session_id: session.id.clone(),
        text: format!("Added {fields}!"),
        ..Default::default()
    };
    bob.messages().add_message(bob.ask(request)).await.unwrap();
    let texts = bob.texts(&session.id).await;
    assert!(!tells(&texts), "{texts:?}");
    assert_eq!(texts[1..], ["So: ", "Edited !", "Added !"]);
    // In one's own session they do as ever.
    let own = bob.open_session().await;
    let watch = bob.send(&own.id, "So: {{description}}").await.unwrap();
    stage.call().await.finish();
    watch.all().await;
    assert_eq!(
        bob.texts(&own.id).await[1],
        "So: Mira keeps the lighthouse of Varn."
    );
}

/// Greetings are read with the card that plays when they are shown, which may be another one's.
#[tokio::test]
async fn greetings_of_ones_own_tell_nothing_of_a_card_or_a_scenario_of_somebody_else() {
    let stage = listing().await;
    let (alice, bob) = (stage.person(), stage.person());
    let secret = alice.character(secret_card()).await;
    let listed = pb::Visibility::Listed;
    alice.share(&secret, listed, false).await.unwrap();
    let mut probe: Value = serde_json::from_str(CARD).unwrap();
    let fields = "[{{description}}{{charPrompt}}{{scenario}}{{getvar::oil}}{{char}}]";
    probe["data"]["first_mes"] = fields.into();
    let probe = bob.character(probe.to_string()).await;
    // A session whose character changes before anybody answered.
    let session = bob.open_with(&probe, "").await.unwrap();
    assert!(bob.texts(&session.id).await[0].contains("lighthouse of Varn"));
    recast(&bob, &session.id, &secret).await;
    assert_eq!(bob.texts(&session.id).await, ["[{{getvar::oil}}Mira]"]);
    // A scenario of one's own that casts the character.
    let scenario = pb::Scenario {
        name: "Probe".to_owned(),
        opening: fields.to_owned(),
        cast: vec![pb::ScenarioRole {
            name: "Probed".to_owned(),
            character_id: secret,
            ..Default::default()
        }],
        ..Default::default()
    };
    let own = bob.scenario(scenario).await.unwrap();
    let begun = bob.start(&own.id, &[]).await.unwrap().greeting.unwrap();
    assert_eq!(begun.text, "[{{getvar::oil}}Mira]");
    // A scenario of hers without an opening, played by a character of one's own.
    let hers = pb::Scenario {
        name: "Hers".to_owned(),
        premise: format!("{SECRET} premise"),
        variables: vec![pb::ScenarioVariable {
            name: "oil".to_owned(),
            value: SECRET.to_owned(),
        }],
        visibility: listed.into(),
        rating: pb::ContentRating::Teen.into(),
        ..Default::default()
    };
    let hers = alice.scenario(hers).await.unwrap();
    let request = pb::StartScenarioRequest {
        scenario_id: hers.id,
        session: Some(pb::Session {
            character_id: probe,
            ..Default::default()
        }),
        ..Default::default()
    };
    let begun = bob.start_with(request).await.unwrap().greeting.unwrap();
    assert!(
        !tells(&begun) && begun.text.contains("lighthouse of Varn"),
        "{begun:?}"
    );
}

#[tokio::test]
async fn a_session_that_is_saved_holds_what_its_person_has_seen() {
    let stage = Stage::new().await;
    let (_, bob, session) = shared(&stage, false).await;
    let swipes = bob
        .swipes(
            &session.id,
            &session.branch.clone().unwrap().head_message_id,
        )
        .await;
    assert_eq!(swipes[1].text, "Hm.");
    // Nor is a greeting found by what nobody sees of it.
    let found = async |query: &str| {
        let request = pb::SearchMessagesRequest {
            query: query.to_owned(),
            page_size: 1,
            ..Default::default()
        };
        let page = bob.messages().search_messages(bob.ask(request)).await;
        page.unwrap().into_inner().messages.len()
    };
    assert_eq!((found(SECRET).await, found("hm").await), (0, 1));
    bob.select(&session.id, &swipes[1].id).await.unwrap();
    let save = async || {
        let request = pb::CreateScenarioFromSessionRequest {
            session_id: session.id.clone(),
            ..Default::default()
        };
        let mut scenarios = bob.scenarios();
        let saved = scenarios.create_scenario_from_session(bob.ask(request));
        saved.await.unwrap().into_inner().scenario.unwrap()
    };
    let saved = save().await;
    assert!(!tells(&saved), "{saved:?}");
    assert_eq!((&*saved.opening, &*saved.cast[0].character_id), ("Hm.", ""));
    let file = bob.export_scenario(&saved.id, false).await.unwrap();
    assert!(!tells(&file));
    // Nor once a card of their own plays.
    recast(&bob, &session.id, &bob.character(CARD.to_owned()).await).await;
    let saved = save().await;
    assert!(!tells(&saved), "{saved:?}");
}

#[tokio::test]
async fn a_picture_is_shown_and_what_else_is_in_its_file_is_not() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let character = alice.import(charx(&card_with_assets())).await.unwrap();
    let character = character.character.unwrap();
    alice
        .share(&character.id, pb::Visibility::Link, false)
        .await
        .unwrap();
    let asset = pb::GetCharacterAssetRequest {
        character_id: character.id.clone(),
        asset_id: character.assets[0].id.clone(),
    };
    let picture = pb::GetAvatarRequest {
        character_id: character.id.clone(),
        ..Default::default()
    };
    let missing = bob.characters().get_avatar(bob.ask(picture.clone())).await;
    assert_eq!(missing.unwrap_err().code(), Code::NotFound);
    let link = alice.link_to(&character.id).await;
    bob.open_with(&character.id, &link.share_token)
        .await
        .unwrap();
    let refused = bob
        .characters()
        .get_character_asset(bob.ask(asset.clone()))
        .await;
    assert_eq!(reason_of(&refused.unwrap_err()), Some(Reason::CardHidden));
    let shown = bob.characters().get_avatar(bob.ask(picture.clone())).await;
    assert_eq!(
        shown.unwrap().into_inner().image.unwrap().content_type,
        "image/webp"
    );
    let own = alice.characters().get_avatar(alice.ask(picture)).await;
    assert_eq!(
        own.unwrap().into_inner().image.unwrap().content_type,
        "image/png"
    );
    alice
        .share(&character.id, pb::Visibility::Link, true)
        .await
        .unwrap();
    assert!(
        bob.characters()
            .get_character_asset(bob.ask(asset))
            .await
            .is_ok()
    );
}

/// Bob's session from a scenario of Alice's, who doesn't show its texts, with the link to it.
async fn started(stage: &Stage) -> (Person, Person, pb::Scenario, pb::ShareLink, pb::Session) {
    let (alice, bob) = (stage.person(), stage.person());
    let mira = alice.character(CARD.to_owned()).await;
    alice
        .share(&mira, pb::Visibility::Link, true)
        .await
        .unwrap();
    let book = alice.lorebook("Varn").await;
    alice
        .entry(&book.id, "beacon", &format!("{SECRET} lore"))
        .await;
    let plain = storm(&mira, &book.id);
    let scenario = pb::Scenario {
        visibility: pb::Visibility::Link.into(),
        premise: format!("{SECRET} premise"),
        opening: format!("Hold on, {{{{blank::hero}}}}!{{{{// {SECRET}}}}}"),
        notes: vec![pb::ScenarioNote {
            text: format!("{SECRET} note"),
            ..Default::default()
        }],
        variables: vec![pb::ScenarioVariable {
            name: "oil".to_owned(),
            value: SECRET.to_owned(),
        }],
        ..plain
    };
    let made = alice.scenario(scenario).await.unwrap();
    let link = alice.link_to_scenario(&made.id).await;
    let start = pb::StartScenarioRequest {
        scenario_id: made.id.clone(),
        share_token: link.share_token.clone(),
        answers: vec![pb::BlankAnswer {
            name: "hero".to_owned(),
            value: "Bo".to_owned(),
        }],
        ..Default::default()
    };
    let started = bob.start_with(start).await.unwrap();
    assert!(!tells(&started));
    (alice, bob, made, link, started.session.unwrap())
}

#[tokio::test]
async fn a_scenario_that_is_not_shown_tells_nothing_in_its_sessions() {
    let stage = Stage::new().await;
    let (alice, bob, made, _, session) = started(&stage).await;
    let said = "The beacon? {{scenario}}{{getvar::oil}}{{blank::hero}}";
    let prompt = prompt_of(&stage, &bob, &session.id, said).await;
    for part in ["premise", "lore", "note"] {
        assert!(prompt.contains(&format!("{SECRET} {part}")), "{prompt}");
    }
    let texts = bob.texts(&session.id).await;
    assert_eq!(texts[0], "Hold on, Bo!");
    // The card is shown, and has a scenario of its own.
    assert_eq!(texts[1], "The beacon? A storm is coming.{{getvar::oil}}Bo");
    let seen = bob.get_scenario(&made.id).await.unwrap();
    assert!(!tells(&seen) && seen.blanks.len() == 2);
    let from = bob.started_from(&session.id).await.unwrap();
    assert!(!tells(&from) && from.lorebook_ids.is_empty());
    assert_eq!(from.answers[0].value, "Bo");
    assert!(!tells(&preview(&bob, &session.id).await));
    let reply = bob.path(&session.id).await.pop().unwrap();
    assert!(!tells(&receipt(&bob, &reply.generation_id).await));
    // A change of what isn't shown changes nothing that is.
    let changed = pb::Scenario {
        premise: format!("{SECRET} again"),
        ..made.clone()
    };
    stage.time().advance(std::time::Duration::from_secs(5));
    alice.change_scenario(changed, &["premise"]).await.unwrap();
    assert_eq!(bob.get_scenario(&made.id).await.unwrap(), seen);
    // Of one that is gone, nobody knows any more whether it may be shown.
    alice.delete_scenario(&made.id, "").await.unwrap();
    assert!(!tells(&bob.started_from(&session.id).await.unwrap()));
    assert!(!tells(&receipt(&bob, &reply.generation_id).await));
}

#[tokio::test]
async fn a_scenario_that_is_not_shown_leaves_by_no_way() {
    let stage = Stage::new().await;
    let (_, bob, made, link, session) = started(&stage).await;
    let book = &made.lorebook_ids[0];
    assert_eq!(bob.get_book(book).await.unwrap_err().code(), Code::NotFound);
    let refused = bob.export_scenario(&made.id, false).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::CardHidden));
    let request = pb::CopyScenarioRequest {
        scenario_id: made.id.clone(),
        share_token: link.share_token.clone(),
        ..Default::default()
    };
    let refused = bob.scenarios().copy_scenario(bob.ask(request)).await;
    assert_eq!(reason_of(&refused.unwrap_err()), Some(Reason::CardHidden));
    let request = pb::CreateScenarioFromSessionRequest {
        session_id: session.id.clone(),
        ..Default::default()
    };
    let mut scenarios = bob.scenarios();
    let refused = scenarios
        .create_scenario_from_session(bob.ask(request))
        .await;
    assert_eq!(reason_of(&refused.unwrap_err()), Some(Reason::CardHidden));
}
