//! RisuAI's characters as it keeps them itself, with its own names for most fields.

use serde_json::{Map, Value};

use super::Moved;
use crate::domain::lorebook;

pub(super) fn is_character(root: &Map<String, Value>) -> bool {
    let is_of = |map: &Map<String, Value>| {
        map.contains_key("name")
            && (map.contains_key("firstMessage") || map.contains_key("globalLore"))
            && (map.contains_key("desc") || map.contains_key("chaId"))
    };
    !root.contains_key("spec") && (is_of(root) || nested(root).is_some_and(is_of))
}

/// A file that names its type has the character under `data`.
fn nested(root: &Map<String, Value>) -> Option<&Map<String, Value>> {
    root.get("data")?.as_object()
}

pub(super) fn card(mut root: Map<String, Value>) -> Map<String, Value> {
    if nested(&root).is_some()
        && let Some(Value::Object(inner)) = root.shift_remove("data")
    {
        root = inner;
    }
    // Chats and pictures of that program's own store are no part of a card.
    for key in ["chats", "chatPage", "chatFolders", "image", "reloadKeys"] {
        root.shift_remove(key);
    }
    let mut moved = Moved::new(root);
    if let Some(lore) = moved.from.shift_remove("globalLore") {
        let settings = match moved.from.shift_remove("loreSettings") {
            Some(Value::Object(settings)) => settings,
            _ => Map::new(),
        };
        let book = lorebook::of_risu(&lore, settings);
        moved.set("character_book", book);
    }
    if let Some(note) = moved.from.shift_remove("depth_prompt") {
        moved.extension("depth_prompt", note);
    }
    let has_note = !moved.fields().text("replaceGlobalNote").trim().is_empty();
    moved.fields_as(&[
        ("name", "name"),
        ("desc", "description"),
        ("personality", "personality"),
        ("scenario", "scenario"),
        ("firstMessage", "first_mes"),
        ("alternateGreetings", "alternate_greetings"),
        ("exampleMessage", "mes_example"),
        ("creatorNotes", "creator_notes"),
        ("systemPrompt", "system_prompt"),
        ("tags", "tags"),
        ("creator", "creator"),
        ("characterVersion", "character_version"),
        ("postHistoryInstructions", "post_history_instructions"),
    ]);
    if has_note {
        // What RisuAI sends in that place, whatever is in the other field.
        moved.fields_as(&[("replaceGlobalNote", "post_history_instructions")]);
    }
    moved.card("risuai")
}
