//! Moves a document from one specification to another. Nothing is lost on the way up; on the way
//! down, what older readers would misread is taken out and the card's notes say so.

use serde_json::{Map, Value, json};

use super::{
    TextField,
    layout::{Layout, Spec},
};
use crate::domain::{lenient, lorebook};

/// Lists and objects that every V2 card has, or may have, under `data`.
const MOVED_LISTS: [&str; 5] = [
    "alternate_greetings",
    "tags",
    "extensions",
    "character_book",
    "group_only_greetings",
];
/// What SillyTavern keeps at the root of a V1 card and under `extensions` later.
const MOVED_EXTENSIONS: [&str; 2] = ["talkativeness", "fav"];
const DOWNGRADE_NOTE: &str = "[This card was made for Character Card V3. In a program that only \
     reads V2, its lorebook works in part; open it in one that reads V3.]";

/// A flat document (V1 or older) as V2: known fields move to `data`, all others stay at the root.
pub(super) fn nest(mut root: Map<String, Value>, layout: Layout) -> Map<String, Value> {
    let mut data = Map::new();
    for field in TextField::ALL {
        let mut value = root.shift_remove(layout.key(field));
        if field == TextField::CreatorNotes {
            value = value.or_else(|| root.shift_remove(field.key()));
        }
        match value {
            Some(value) if !value.is_null() => data.insert(field.key().into(), value),
            None if field == TextField::Nickname => None,
            _ => data.insert(field.key().into(), json!("")),
        };
    }
    for key in MOVED_LISTS {
        if let Some(value) = root.shift_remove(key) {
            data.insert(key.to_owned(), value);
        }
    }
    for key in ["alternate_greetings", "tags"] {
        let value = data.entry(key).or_insert(Value::Null);
        if !value.is_array() && !value.is_object() {
            *value = json!(lenient::texts(value));
        }
    }
    let extensions = data.entry("extensions").or_insert_with(|| json!({}));
    if let Value::Object(extensions) = extensions {
        for key in MOVED_EXTENSIONS {
            if let Some(value) = root.shift_remove(key) {
                extensions.entry(key).or_insert(value);
            }
        }
    }
    let mut nested = Map::new();
    nested.insert("spec".into(), json!("chara_card_v2"));
    nested.insert("spec_version".into(), json!("2.0"));
    nested.insert("data".into(), Value::Object(data));
    for (key, value) in root {
        nested.entry(key).or_insert(value);
    }
    nested
}

/// A V2 or V3 document as `spec`, which is the other of the two.
pub(super) fn retarget(mut root: Map<String, Value>, spec: Spec) -> Map<String, Value> {
    let (name, version) = match spec {
        Spec::V1 | Spec::V2 => ("chara_card_v2", "2.0"),
        Spec::V3 => ("chara_card_v3", "3.0"),
    };
    // A missing key goes to the front, where every writer has it.
    for (place, key, value) in [(0, "spec", name), (1, "spec_version", version)] {
        if let Some(old) = root.get_mut(key) {
            *old = json!(value);
        } else {
            root.shift_insert(place.min(root.len()), key.to_owned(), json!(value));
        }
    }
    if let Some(Value::Object(data)) = root.get_mut("data") {
        match spec {
            Spec::V1 | Spec::V2 => strip_v3(data),
            Spec::V3 => complete_v3(data),
        }
    }
    root
}

/// Adds what V3 requires and V2 doesn't have.
fn complete_v3(data: &mut Map<String, Value>) {
    data.entry("group_only_greetings")
        .or_insert_with(|| json!([]));
    for entry in lorebook::json_entries_mut(data) {
        entry.entry("use_regex").or_insert_with(|| json!(false));
    }
}

/// Takes out the defaults that [`complete_v3`] adds, and the decorators that a V2 reader would
/// put into the prompt as text.
fn strip_v3(data: &mut Map<String, Value>) {
    if data
        .get("group_only_greetings")
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty)
    {
        data.shift_remove("group_only_greetings");
    }
    let mut has_decorators = false;
    for entry in lorebook::json_entries_mut(data) {
        if entry.get("use_regex") == Some(&Value::Bool(false)) {
            entry.shift_remove("use_regex");
        }
        if let Some(Value::String(content)) = entry.get_mut("content") {
            let body = lorebook::without_decorators(content);
            if body.len() != content.len() {
                *content = body.to_owned();
                has_decorators = true;
            }
        }
    }
    if has_decorators {
        let notes = data.entry("creator_notes").or_insert_with(|| json!(""));
        let old = lenient::text(notes);
        *notes = Value::String(format!("{DOWNGRADE_NOTE}\n\n{old}").trim_end().to_owned());
    }
}
