//! Agnai's characters: a persona of attributes in one of several notations, and a description that is for people.

use serde_json::{Map, Value, json};

use super::Moved;
use crate::domain::lenient::{Fields, texts};
use crate::domain::lorebook;

/// By the kind that Agnai writes, or by the fields that only its characters have.
pub(super) fn is_character(root: &Map<String, Value>) -> bool {
    let has = |key: &str| root.contains_key(key);
    let is_named = root.get("kind").and_then(Value::as_str) == Some("character");
    let persona = root.get("persona").is_some_and(|it| it.is_object());
    !has("spec") && has("name") && (persona || (is_named && has("greeting")))
}

pub(super) fn card(root: Map<String, Value>) -> Map<String, Value> {
    let mut moved = Moved::new(root);
    let name = moved.fields().text("name").into_owned();
    let persona = description(&name, moved.fields().object("persona"));
    moved.fields_as(&[
        ("name", "name"),
        ("greeting", "first_mes"),
        ("scenario", "scenario"),
        ("sampleChat", "mes_example"),
        ("description", "creator_notes"),
        ("systemPrompt", "system_prompt"),
        ("postHistoryInstructions", "post_history_instructions"),
        ("alternateGreetings", "alternate_greetings"),
        ("tags", "tags"),
        ("creator", "creator"),
        ("characterVersion", "character_version"),
        ("extensions", "extensions"),
    ]);
    moved.set("description", json!(persona));
    let insert = moved.fields().object("insert");
    let note = insert.text("prompt").into_owned();
    if !note.trim().is_empty() {
        let depth = insert.count("depth").unwrap_or(3);
        let note = json!({"prompt": note, "depth": depth, "role": "system"});
        moved.extension("depth_prompt", note);
    }
    if let Some(Value::Object(memory)) = moved.from.shift_remove("characterBook") {
        moved.set("character_book", lorebook::of_agnai(memory));
    }
    moved.from.shift_remove("kind");
    moved.card("agnai")
}

/// The persona in the notation that it asks for.
fn description(name: &str, persona: Fields<'_>) -> String {
    let attributes = persona.object("attributes").0;
    let attributes = attributes.into_iter().flatten();
    let attributes: Vec<(&str, Vec<String>)> = attributes
        .map(|(key, values)| {
            let values = texts(values).into_iter().map(String::from);
            (key.as_str(), values.collect())
        })
        .collect();
    let each = |line: fn(&str, &[String]) -> String, between: &str| {
        let lines = attributes.iter().map(|(key, values)| line(key, values));
        lines.collect::<Vec<_>>().join(between)
    };
    match &*persona.text("kind") {
        "wpp" => {
            let lines = each(
                |key, values| format!("{key}({})", quoted(values, " + ")),
                "\n",
            );
            format!("[character(\"{name}\") {{\n{lines}\n}}]")
        }
        "sbf" => {
            let parts = each(
                |key, values| format!("{key}: {}", quoted(values, ", ")),
                "; ",
            );
            format!("[ character: \"{name}\"; {parts} ]")
        }
        "boostyle" => {
            let values = attributes.iter().flat_map(|(_, values)| values);
            let parts: Vec<&str> = [name]
                .into_iter()
                .chain(values.map(String::as_str))
                .collect();
            parts.join(" + ")
        }
        "text" => each(|_, values| values.join("\n"), "\n"),
        _ => each(|key, values| format!("{key}: {}", values.join(", ")), "\n"),
    }
}

fn quoted(values: &[String], between: &str) -> String {
    let quoted: Vec<_> = values.iter().map(|value| format!("\"{value}\"")).collect();
    quoted.join(between)
}
