//! Other programs' own forms of a character, made V2 documents by what their fields mean. What has no place in a card is kept under
//! `extensions`.

mod agnai;
mod character_ai;
mod risu;

use serde_json::{Map, Value, json};

use super::Warning;
use crate::domain::lenient::Fields;

/// The document as a card, if it is in the form of a program that we know; else as it is.
pub(super) fn as_card(
    document: Map<String, Value>,
    warnings: &mut Vec<Warning>,
) -> Map<String, Value> {
    let document = unwrapped(document);
    let (program, card) = if agnai::is_character(&document) {
        ("Agnai", agnai::card(document))
    } else if risu::is_character(&document) {
        ("RisuAI", risu::card(document))
    } else if character_ai::is_character(&document) {
        ("Character.AI", character_ai::card(document))
    } else if is_tavern_ai(&document) {
        ("TavernAI", tavern_ai(document))
    } else {
        return document;
    };
    warnings.push(Warning::NativeExport { program });
    card
}

/// Pygmalion and tools that save pages of Character.AI put a character into a field of that name.
fn unwrapped(mut document: Map<String, Value>) -> Map<String, Value> {
    let inner = document.get("character").and_then(Value::as_object);
    let is_wrapped = inner.is_some_and(|inner| {
        let keys = ["spec", "data", "name", "char_name"];
        keys.iter().any(|key| inner.contains_key(*key))
    });
    if document.contains_key("spec") || document.contains_key("name") || !is_wrapped {
        return document;
    }
    match document.remove("character") {
        Some(Value::Object(inner)) => inner,
        _ => document,
    }
}

fn is_tavern_ai(document: &Map<String, Value>) -> bool {
    let has = |key: &str| document.contains_key(key);
    has("first_mes") && (has("short_description") || has("categories") || has("public_id"))
}

/// TavernAI's are V1 cards but for what people find them by.
fn tavern_ai(mut document: Map<String, Value>) -> Map<String, Value> {
    for (theirs, ours) in [
        ("categories", "tags"),
        ("short_description", "creatorcomment"),
        ("user_name", "creator"),
    ] {
        if let Some(value) = document.get(theirs).cloned() {
            document.entry(ours).or_insert(value);
        }
    }
    document
}

/// Moves fields of another program to where a card has them.
struct Moved {
    from: Map<String, Value>,
    data: Map<String, Value>,
}

impl Moved {
    /// With every field that V2 requires.
    fn new(from: Map<String, Value>) -> Self {
        let mut data = Map::new();
        for key in [
            "name",
            "description",
            "personality",
            "scenario",
            "first_mes",
            "mes_example",
            "creator_notes",
            "system_prompt",
            "post_history_instructions",
        ] {
            data.insert(key.to_owned(), json!(""));
        }
        for key in ["alternate_greetings", "tags"] {
            data.insert(key.to_owned(), json!([]));
        }
        for key in ["creator", "character_version"] {
            data.insert(key.to_owned(), json!(""));
        }
        data.insert("extensions".to_owned(), json!({}));
        Self { from, data }
    }

    fn fields(&self) -> Fields<'_> {
        Fields(Some(&self.from))
    }

    /// Moves these fields: theirs, ours.
    fn fields_as(&mut self, names: &[(&str, &str)]) {
        for (theirs, ours) in names {
            match self.from.shift_remove(*theirs) {
                Some(Value::Null) | None => {}
                Some(value) => {
                    self.data.insert((*ours).to_owned(), value);
                }
            }
        }
    }

    fn set(&mut self, key: &str, value: Value) {
        self.data.insert(key.to_owned(), value);
    }

    fn extension(&mut self, key: &str, value: Value) {
        let extensions = self.data.entry("extensions").or_insert_with(|| json!({}));
        if !extensions.is_object() {
            *extensions = json!({});
        }
        extensions[key] = value;
    }

    /// A V2 document; what wasn't moved is kept under the program's name.
    fn card(mut self, program: &str) -> Map<String, Value> {
        let rest = std::mem::take(&mut self.from);
        if !rest.is_empty() {
            self.extension(program, Value::Object(rest));
        }
        let mut card = Map::new();
        card.insert("spec".to_owned(), json!("chara_card_v2"));
        card.insert("spec_version".to_owned(), json!("2.0"));
        card.insert("data".to_owned(), Value::Object(self.data));
        card
    }
}

#[cfg(test)]
mod tests;
