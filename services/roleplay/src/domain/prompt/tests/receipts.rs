use serde_json::json;

use super::*;
use crate::domain::lorebook::Reason;

#[test]
fn the_same_seed_gives_the_same_prompt_and_another_seed_another() {
    let dice = "{{random:1,2,3,4,5,6,7,8,9}} {{roll:d1000}} ".repeat(5);
    let card = a_card(json!({ "description": dice }));
    let even = json!({"keys": ["reef"], "content": "maybe", "extensions": {"probability": 50}});
    let book = a_book(json!([even.clone(), even.clone(), even]));
    let chat = a_short_chat();
    let material = Material {
        lore: Some(&book),
        ..Material::new(&card, &chat)
    };
    let settings = settings(Form::Text);
    let compile = |seed| {
        Draft::new(&material, &settings, seed)
            .unwrap()
            .fit(words)
            .unwrap()
    };
    let first = compile(1);
    assert_eq!(compile(first.receipt.seed), first);
    assert_ne!(compile(2).prompt, first.prompt);
}

#[test]
fn a_receipt_survives_storage_and_replays_to_the_same_prompt() {
    let card = a_card(json!({"description": "{{random:a,b,c}} {{time}}"}));
    let book = a_book(
        json!([{"id": 7, "keys": ["reef"], "comment": "Reef", "content": "It cuts."},
        {"keys": ["storm"], "content": "x", "extensions": {"probability": 0}}]),
    );
    let chat = a_short_chat();
    let now = Some(crate::domain::macros::Moment {
        unix_secs: 1_700_000_000,
        utc_offset_minutes: 0,
    });
    let material = Material {
        lore: Some(&book),
        now,
        session_seed: 9,
        ..Material::new(&card, &chat)
    };
    let compiled = compile(&material, &settings(Form::Chat));
    let stored = serde_json::to_string(&compiled.receipt).unwrap();
    let receipt: Receipt = serde_json::from_str(&stored).unwrap();
    assert_eq!(receipt, compiled.receipt);
    let again = Material {
        kind: receipt.kind,
        now: receipt.now,
        idle_secs: receipt.idle_secs,
        session_seed: receipt.session_seed,
        ..material.clone()
    };
    assert_eq!(
        Draft::new(&again, &receipt.settings, receipt.seed)
            .unwrap()
            .fit(words)
            .unwrap(),
        compiled
    );
}

#[test]
fn says_of_every_lore_entry_what_became_of_it() {
    let card = a_card(json!({}));
    let book = a_book(json!([
        {"id": 7, "keys": ["reef"], "comment": "Reef", "content": "It cuts deep."},
        {"keys": ["whale"], "content": "x"},
        {"keys": ["reef"], "content": "{{// nothing but a note}}"}
    ]));
    let chat = a_short_chat();
    let material = Material {
        lore: Some(&book),
        ..Material::new(&card, &chat)
    };
    let receipt = compile(&material, &settings(Form::Text)).receipt;
    let reef = &receipt.lore[0];
    assert_eq!(
        (reef.id.as_deref(), reef.title.as_str(), reef.tokens),
        (Some("7"), "Reef", 3)
    );
    assert_eq!(reef.message_id.as_deref(), Some("3"));
    assert!(matches!(&reef.reason, Reason::Key { key, .. } if key == "reef"));
    assert_eq!(receipt.lore[1].reason, Reason::NoKeyMatched);
    assert_eq!(receipt.lore[2].placement, None);
    assert!(
        receipt
            .spans
            .iter()
            .any(|span| span.source == Source::Lore { entry: 0 } && span.tokens == 3)
    );
}
