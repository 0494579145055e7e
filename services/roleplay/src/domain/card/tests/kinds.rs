//! What a file is, whatever it looks like.

use serde_json::{Value, json};

use super::{super::*, picture, text_chunk, v2};

fn found(file: &Value) -> &'static str {
    match Card::import(file.to_string().as_bytes()) {
        Err(CardError::NotACard { found }) => found,
        other => panic!("{file}: {other:?}"),
    }
}

#[test]
fn a_lorebook_is_never_a_character() {
    let entry = json!({"keys": ["reef"], "content": "Sharp.", "enabled": true});
    let lists = [json!([entry]), json!({"0": entry}), json!([])];
    for entries in &lists {
        for file in [
            json!({"entries": entries}),
            json!({"name": "Coast", "entries": entries}),
            json!({"name": "Coast", "description": "A book.", "entries": entries}),
            json!({"name": "Coast", "description": "A book.", "scan_depth": 2, "extensions": {},
                "personality": "", "scenario": null, "entries": entries}),
            json!({"spec": "lorebook_v3", "data": {"name": "Coast", "entries": entries}}),
            json!({"type": "lorebook", "data": {"name": "Coast", "description": "A book.",
                "entries": entries}}),
            json!({"kind": "memory", "name": "Coast", "description": "", "entries": entries}),
            json!({"type": "risu", "ver": 1, "data": []}),
            json!({"lorebookVersion": 5, "name": "Coast", "entries": entries}),
        ] {
            assert!(found(&file).contains("lorebook"), "{file}");
        }
    }
    let in_a_picture = picture(&[text_chunk("naidata", b"eyJsb3JlYm9va1ZlcnNpb24iOjV9")]);
    assert_eq!(
        Card::import(&in_a_picture).unwrap_err(),
        CardError::NotACard {
            found: "it is a lorebook of NovelAI"
        }
    );
}

#[test]
fn a_character_with_entries_beside_it_is_a_character() {
    let mut card = v2();
    card["data"]["entries"] = json!([]);
    card["entries"] = json!([]);
    assert_eq!(super::read(&card).name(), "Wren");
    let flat = json!({"name": "Wren", "first_mes": "Hi.", "entries": []});
    assert_eq!(super::read(&flat).greetings(), ["Hi."]);
}

#[test]
fn other_files_are_refused_by_their_names() {
    for (file, expected) in [
        (json!({"chat_metadata": {}, "user_name": "unused"}), "chat"),
        (
            json!({"kind": "chat", "name": "Wren", "messages": []}),
            "chat of Agnai",
        ),
        (
            json!({"kind": "scenario", "name": "x", "description": "y"}),
            "scenario of Agnai",
        ),
        (
            json!({"temperature": 1, "prompts": [], "prompt_order": []}),
            "preset",
        ),
        (
            json!({"name": "x", "input_sequence": "", "output_sequence": ""}),
            "instruct",
        ),
        (json!({"name": "x", "story_string": ""}), "context template"),
        (
            json!({"scriptName": "x", "findRegex": "/a/"}),
            "regex script",
        ),
        (
            json!({"scenarioVersion": 3, "title": "x"}),
            "scenario of NovelAI",
        ),
        (json!({"savedsettings": {}, "actions": []}), "KoboldAI"),
        (
            json!({"schemaVersion": 1, "characters": [], "scenarios": []}),
            "Backyard",
        ),
        (
            json!({"character": {"aiName": "x", "aiPersona": "y"}, "version": 4}),
            "Backyard",
        ),
        (json!({"aiName": "x", "aiPersona": "y"}), "Backyard"),
        (json!({"hello": 1}), "none of a card's fields"),
    ] {
        assert!(found(&file).contains(expected), "{file}: {}", found(&file));
    }
    let chat = "{\"user_name\":\"A\",\"character_name\":\"B\"}\n{\"name\":\"B\",\"mes\":\"Hi\"}";
    let refused = Card::import(chat.as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("chat of SillyTavern"), "{refused}");
    let yaml = "name: Wren\ngreeting: Hi\ncontext: |-\n  Keeps a light.\n";
    let refused = Card::import(yaml.as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("YAML"), "{refused}");
}

#[test]
fn what_was_stored_before_is_read_as_it_was_then() {
    let book = json!({"name": "Coast", "description": "A book.", "entries": []});
    let card = Card::from_document(&book.to_string()).unwrap();
    assert_eq!(card.name(), "Coast");
}
