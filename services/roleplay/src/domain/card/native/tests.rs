//! Each program's own form, by what its fields mean.

use serde_json::json;

use crate::domain::card::{Card, Spec, TextField, Warning};
use crate::domain::lorebook::Lorebook;

fn import(file: &serde_json::Value, program: &'static str) -> Card {
    let imported = Card::import(file.to_string().as_bytes()).unwrap();
    let expected = Warning::NativeExport { program };
    assert!(
        imported.warnings.contains(&expected),
        "{:?}",
        imported.warnings
    );
    imported.card
}

fn book(card: &Card) -> Lorebook {
    card.character_book().unwrap()
}

#[test]
fn agnai_s_persona_is_the_description_and_its_description_is_for_people() {
    let mut file = json!({
        "kind": "character", "name": "Wren", "description": "A test of mine.",
        "persona": {"kind": "wpp", "attributes": {"job": ["keeper", "sailor"], "mood": ["dry"]}},
        "greeting": "The lamp is lit.", "scenario": "An island.", "sampleChat": "{{user}}: Hi",
        "alternateGreetings": ["Fog again."], "tags": ["sea"], "systemPrompt": "Be brief.",
        "insert": {"prompt": "It is night.", "depth": 2}, "visualType": "avatar",
        "characterBook": {"name": "Coast", "entries": [
            {"name": "Reef", "keywords": ["reef", "rocks"], "entry": "Sharp.", "weight": 7,
             "priority": 3, "enabled": false}
        ]}
    });
    let card = import(&file, "Agnai");
    assert_eq!(card.spec(), Spec::V2);
    assert_eq!(
        card.text(TextField::Description),
        "[character(\"Wren\") {\njob(\"keeper\" + \"sailor\")\nmood(\"dry\")\n}]"
    );
    assert_eq!(card.text(TextField::CreatorNotes), "A test of mine.");
    assert_eq!(card.greetings(), ["The lamp is lit.", "Fog again."]);
    assert_eq!(card.text(TextField::MesExample), "{{user}}: Hi");
    assert_eq!(card.text(TextField::SystemPrompt), "Be brief.");
    assert_eq!(card.depth_prompt().unwrap().depth, 2);
    assert_eq!(card.extensions().unwrap()["agnai"]["visualType"], "avatar");
    let entry = &book(&card).entries[0];
    assert_eq!(entry.keys, ["reef", "rocks"]);
    assert_eq!(
        (entry.content.as_str(), entry.insertion_order),
        ("Sharp.", 7)
    );
    assert!(!entry.enabled);

    for (kind, expected) in [
        (
            "sbf",
            "[ character: \"Wren\"; job: \"keeper\", \"sailor\"; mood: \"dry\" ]",
        ),
        ("boostyle", "Wren + keeper + sailor + dry"),
        ("attributes", "job: keeper, sailor\nmood: dry"),
    ] {
        file["persona"]["kind"] = json!(kind);
        assert_eq!(
            import(&file, "Agnai").text(TextField::Description),
            expected
        );
    }
    file["persona"] = json!({"kind": "text", "attributes": {"text": ["Keeps a light."]}});
    assert_eq!(
        import(&file, "Agnai").text(TextField::Description),
        "Keeps a light."
    );
}

#[test]
fn risu_s_own_names_are_known_and_its_chats_are_left_out() {
    let character = json!({
        "type": "character", "name": "Wren", "desc": "Keeps a light.", "firstMessage": "Lit.",
        "alternateGreetings": ["Fog."], "exampleMessage": "<START>", "creatorNotes": "mine",
        "replaceGlobalNote": "Stay calm.", "postHistoryInstructions": "", "chaId": "x",
        "chats": [{"message": []}], "largePortrait": true,
        "loreSettings": {"tokenBudget": 300, "scanDepth": 3, "recursiveScanning": false},
        "globalLore": [
            {"key": "reef, rocks", "secondkey": "", "insertorder": 20, "comment": "Reef",
             "content": "Sharp.", "mode": "normal", "alwaysActive": false, "selective": false},
            {"key": "", "comment": "A folder", "content": "", "mode": "folder"}
        ]
    });
    for file in [
        character.clone(),
        json!({"type": "character", "data": character}),
    ] {
        let card = import(&file, "RisuAI");
        assert_eq!(card.text(TextField::Description), "Keeps a light.");
        assert_eq!(card.greetings(), ["Lit.", "Fog."]);
        assert_eq!(card.text(TextField::PostHistoryInstructions), "Stay calm.");
        let kept = &card.extensions().unwrap()["risuai"];
        assert_eq!(
            (&kept["largePortrait"], kept.get("chats")),
            (&json!(true), None)
        );
        let book = book(&card);
        assert_eq!((book.token_budget, book.scan_depth), (Some(300), Some(3)));
        assert_eq!(book.entries.len(), 1);
        assert_eq!(book.entries[0].keys, ["reef", "rocks"]);
        assert_eq!(book.entries[0].insertion_order, 20);
    }
}

#[test]
fn pygmalion_s_wrapping_is_taken_off() {
    let card = json!({"name": "Wren", "description": "Keeps a light.", "first_mes": "Lit."});
    let wrapped = json!({"character": {"spec": "chara_card_v2", "data": card}});
    let imported = Card::import(wrapped.to_string().as_bytes()).unwrap();
    assert_eq!(imported.card.name(), "Wren");
    assert_eq!(imported.card.greetings(), ["Lit."]);
}

#[test]
fn tavern_ai_s_is_v1_with_its_own_words_for_people() {
    let file = json!({
        "public_id": "1", "name": "Wren", "description": "Keeps a light.", "personality": "dry",
        "short_description": "A keeper.", "categories": ["sea"], "first_mes": "Lit."
    });
    let card = import(&file, "TavernAI");
    assert_eq!(card.spec(), Spec::V1);
    assert_eq!(card.text(TextField::CreatorNotes), "A keeper.");
    assert_eq!(card.tags(), ["sea"]);
}

#[test]
fn character_ai_s_definition_is_for_the_model() {
    let inner = json!({
        "external_id": "x", "name": "Wren", "title": "A keeper", "greeting": "Lit.",
        "description": "Keeps a light.", "definition": "{{char}}: Hm."
    });
    let card = import(&json!({"character": inner, "info": {}}), "Character.AI");
    assert_eq!(
        card.text(TextField::Description),
        "Keeps a light.\n\n{{char}}: Hm."
    );
    assert_eq!(card.text(TextField::CreatorNotes), "A keeper");
    assert_eq!(card.greetings(), ["Lit."]);
}
