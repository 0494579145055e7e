//! Characters of Character.AI, as tools save them.

use serde_json::{Map, Value, json};

use super::Moved;

pub(super) fn is_character(root: &Map<String, Value>) -> bool {
    let has = |key: &str| root.contains_key(key);
    let is_named = has("name") || has("participant__name");
    is_named && has("greeting") && (has("definition") || has("external_id"))
}

/// The description and the definition both tell the model who it is; the title is for people.
pub(super) fn card(root: Map<String, Value>) -> Map<String, Value> {
    let mut moved = Moved::new(root);
    let texts = ["description", "definition"].map(|key| moved.fields().text(key).into_owned());
    let texts: Vec<&str> = texts.iter().map(|text| text.trim()).collect();
    let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    let description = texts.join("\n\n");
    for key in ["description", "definition"] {
        moved.from.shift_remove(key);
    }
    moved.fields_as(&[
        ("participant__name", "name"),
        ("name", "name"),
        ("greeting", "first_mes"),
        ("title", "creator_notes"),
        ("user__username", "creator"),
    ]);
    moved.set("description", json!(description));
    moved.card("character_ai")
}
