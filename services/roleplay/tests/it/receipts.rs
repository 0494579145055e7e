//! Receipts of prompts: what their parts name.

use serde_json::json;
use troupe_proto::roleplay as pb;

use crate::stage::{CARD, Stage};

/// Books number their entries, name them, or do neither, and some give an id twice.
#[tokio::test]
async fn the_parts_of_a_prompt_name_the_entries_of_lore_by_their_ids() {
    let stage = Stage::new().await;
    stage.script.always_reply("Yes.");
    let alice = stage.person();
    let entry = |id: Option<serde_json::Value>, content: &str| {
        let mut entry = json!({"keys": [], "constant": true, "enabled": true, "insertion_order": 1, "extensions": {}});
        entry["content"] = content.into();
        if let Some(id) = id {
            entry["id"] = id;
        }
        entry
    };
    let entries = [
        entry(Some(json!(10)), "Ten words of lore."),
        entry(Some(json!("x-20")), "Twenty."),
        entry(None, "Nameless."),
        entry(Some(json!(10)), "Ten again."),
        entry(Some(json!("2")), "Two."),
    ];
    let mut card: serde_json::Value = serde_json::from_str(CARD).unwrap();
    card["data"]["character_book"]["entries"] = entries.to_vec().into();
    let character = alice.import(card.to_string()).await.unwrap().character;
    let opening = crate::stage::opening(pb::Session {
        character_id: character.unwrap().id,
        ..Default::default()
    });
    let opened = alice.sessions().create_session(alice.ask(opening)).await;
    let session = opened.unwrap().into_inner().session.unwrap().id;
    let ended = alice.send(&session, "Hello").await.unwrap().all().await.2;
    let request = pb::GetGenerationReceiptRequest {
        generation_id: ended.generation.unwrap().id,
    };
    let mut generations = alice.generations();
    let receipt = generations.get_generation_receipt(alice.ask(request)).await;
    let receipt = receipt.unwrap().into_inner().receipt.unwrap();
    let ids: Vec<&str> = receipt.lore.iter().map(|entry| &*entry.entry_id).collect();
    assert_eq!(ids, ["10", "x-20", "2+", "3", "2"]);
    // By this id an entry is read, and the lorebook is that of the card.
    for entry in &receipt.lore {
        let request = pb::GetLorebookEntryRequest {
            lorebook_id: entry.lorebook_id.clone(),
            entry_id: entry.entry_id.clone(),
        };
        let mut lorebooks = alice.lorebooks();
        let read = lorebooks.get_lorebook_entry(alice.ask(request)).await;
        assert_eq!(read.unwrap().into_inner().entry.unwrap().id, entry.entry_id);
    }
    let lore = receipt.spans.iter().filter(|span| span.source == "lore");
    let spans: Vec<(&str, i32)> = lore
        .map(|span| (&*span.source_id, span.token_count))
        .collect();
    assert_eq!(spans.len(), 5);
    for entry in &receipt.lore {
        assert!(entry.active);
        let of_it = spans.iter().filter(|(id, _)| *id == entry.entry_id);
        let tokens: Vec<i32> = of_it.map(|(_, tokens)| *tokens).collect();
        assert_eq!(tokens, [entry.token_count], "{}", entry.entry_id);
    }
}
