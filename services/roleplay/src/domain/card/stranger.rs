//! Files that are no characters, though some look alike: lorebooks, chats, presets. Each is refused by its name.

use serde_json::{Map, Value};

use super::CardError;
use super::layout::{CONTEXT, FLAT, GRADIO};
use crate::domain::lenient::Fields;

pub(super) const UNKNOWN: &str = "it has none of a card's fields";
pub(super) const NOVEL_AI_LOREBOOK: &str = "it is a lorebook of NovelAI";
const CHAT: &str = "it is a chat of SillyTavern";

/// What is known by fields that only it has; all of a row must be there.
const KNOWN_BY: [(&[&str], &str); 12] = [
    (&["chat_metadata"], CHAT),
    (&["user_name", "character_name"], CHAT),
    (
        &["scriptName", "findRegex"],
        "it is a regex script of SillyTavern",
    ),
    (
        &["prompts", "prompt_order"],
        "it is a preset of SillyTavern",
    ),
    (
        &["input_sequence", "output_sequence"],
        "it is an instruct template of SillyTavern",
    ),
    (&["story_string"], "it is a context template of SillyTavern"),
    (
        &["personas", "persona_descriptions"],
        "it is a backup of SillyTavern's personas",
    ),
    (&["savedsettings"], "it is a saved story of KoboldAI Lite"),
    (
        &["gamestarted", "actions"],
        "it is a saved story of KoboldAI",
    ),
    (&["scenarioVersion"], "it is a scenario of NovelAI"),
    (&["storyContainerVersion"], "it is a story of NovelAI"),
    (
        &["schemaVersion", "characters"],
        "it is the manifest of a Backyard archive; import its character by a PNG card",
    ),
];

/// The document, unless it is a lorebook or what Agnai calls by another name.
pub(super) fn refuse(document: Map<String, Value>) -> Result<Map<String, Value>, CardError> {
    let found = agnai_kind(&document).or_else(|| lorebook(&document));
    match found {
        Some(found) => Err(CardError::NotACard { found }),
        None => Ok(document),
    }
}

/// What a document is that isn't a card.
pub(super) fn name(document: &Map<String, Value>) -> &'static str {
    let root = Fields(Some(document));
    let is_of_backyard =
        |it: Fields<'_>| it.get("aiName").is_some() || it.get("aiDisplayName").is_some();
    if is_of_backyard(root) || is_of_backyard(root.object("character")) {
        return "it is a character of Backyard's own form; export it as a PNG card";
    }
    let has_all = |keys: &[&str]| keys.iter().all(|key| document.contains_key(*key));
    let known = KNOWN_BY.iter().find(|(keys, _)| has_all(keys));
    known.map_or(UNKNOWN, |(_, name)| name)
}

/// What to say of text that isn't one JSON object: a chat has an object on each line.
pub(super) fn instead_of(error: CardError, text: &str) -> CardError {
    let first = text
        .lines()
        .next()
        .and_then(|line| serde_json::from_str::<Map<String, Value>>(line).ok());
    match first.map(|header| name(&header)) {
        Some(found) if found != UNKNOWN => CardError::NotACard { found },
        _ => error,
    }
}

/// What to say of bytes that aren't JSON.
pub(super) fn format(bytes: &[u8]) -> CardError {
    let text = std::str::from_utf8(bytes.get(..1_024).unwrap_or(bytes));
    let is_yaml = text.is_ok_and(|text| {
        let mut lines = text.lines();
        lines.any(|line| {
            ["name:", "context:", "greeting:", "char_name:"]
                .iter()
                .any(|key| line.starts_with(key))
        })
    });
    if is_yaml {
        let found = "it is YAML, as text-generation-webui writes it; save it as JSON";
        return CardError::NotACard { found };
    }
    if bytes.starts_with(b"Rar!") || bytes.starts_with(b"7z\xbc\xaf") {
        let found = "it is a packed archive of another kind than ZIP; unpack it first";
        return CardError::NotACard { found };
    }
    CardError::UnknownFormat
}

fn agnai_kind(root: &Map<String, Value>) -> Option<&'static str> {
    match root.get("kind")?.as_str()? {
        "memory" => Some("it is a memory book of Agnai, which is a lorebook"),
        "chat" => Some("it is a chat of Agnai"),
        "scenario" => Some("it is a scenario of Agnai"),
        "gen-setting" => Some("it is a preset of Agnai"),
        _ => None,
    }
}

/// What kind of lorebook it is, if it is one: entries, and no field that only characters have.
fn lorebook(root: &Map<String, Value>) -> Option<&'static str> {
    let fields = Fields(Some(root));
    let spec = fields.text("spec");
    if spec.starts_with("chara_card") {
        return None;
    }
    if spec.eq_ignore_ascii_case("lorebook_v3") {
        return Some("it is a lorebook");
    }
    if fields.text("type") == "risu" {
        return Some("it is a lorebook of RisuAI");
    }
    if root.contains_key("lorebookVersion") {
        return Some(NOVEL_AI_LOREBOOK);
    }
    let nested = fields.object("data").0;
    let is_book = |map: &Map<String, Value>| has_entries(map) && !is_of_a_character(map);
    let is_lorebook = is_book(root) || (!is_of_a_character(root) && nested.is_some_and(is_book));
    is_lorebook.then_some("it is a lorebook")
}

fn has_entries(map: &Map<String, Value>) -> bool {
    map.get("entries")
        .is_some_and(|entries| entries.is_array() || entries.is_object())
}

/// Whether something is set that only characters have; lorebooks have names and descriptions too.
fn is_of_a_character(map: &Map<String, Value>) -> bool {
    const OTHERS: [&str; 5] = [
        "char_name",
        "system_prompt",
        "alternate_greetings",
        "persona",
        "character_book",
    ];
    let keys = FLAT.iter().chain(&GRADIO).chain(&CONTEXT).chain(&OTHERS);
    keys.filter_map(|key| map.get(*key)).any(is_set)
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}
