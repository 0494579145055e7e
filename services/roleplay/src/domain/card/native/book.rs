//! Other programs' lorebooks, as cards have them.

use serde_json::{Map, Value, json};

use crate::domain::lenient::Fields;

/// A memory book of Agnai: entries with keywords, a weight (where they stand) and a priority (what is left out first).
pub(super) fn of_agnai(mut memory: Map<String, Value>) -> Value {
    let entries = memory.get_mut("entries").map(Value::take);
    let entries = objects(entries.as_ref()).map(|entry| {
        // Made from a card, it is in a card's form already.
        if entry.contains_key("keys") {
            return Value::Object(entry.clone());
        }
        let fields = Fields(Some(entry));
        json!({
            "keys": fields.texts("keywords"),
            "content": fields.text("entry"),
            "enabled": fields.boolean("enabled").unwrap_or(true),
            "insertion_order": fields.integer("weight").unwrap_or(0),
            "priority": fields.integer("priority").unwrap_or(0),
            "name": fields.text("name"),
            "extensions": {},
        })
    });
    let entries: Vec<Value> = entries.collect();
    let mut book = with_entries(entries);
    for (theirs, ours) in [
        ("name", "name"),
        ("description", "description"),
        ("scanDepth", "scan_depth"),
        ("tokenBudget", "token_budget"),
        ("recursiveScanning", "recursive_scanning"),
    ] {
        if let Some(value) = memory.get(theirs).filter(|value| !value.is_null()) {
            book[ours] = value.clone();
        }
    }
    book
}

/// RisuAI's lore of a character: keys in one text with commas, and folders among the entries, which have no text.
pub(super) fn of_risu(lore: &Value, settings: Fields<'_>) -> Value {
    let entries = objects(Some(lore))
        .filter(|entry| entry.get("mode").and_then(Value::as_str) != Some("folder"));
    let entries = entries.map(|entry| {
        let fields = Fields(Some(entry));
        let keys = |name: &str| -> Vec<String> {
            let text = fields.text(name);
            let keys = text.split(',').map(str::trim);
            keys.filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let chance = fields.number("activationPercent");
        let chance = chance.map_or_else(|| json!({}), |chance| json!({"probability": chance}));
        json!({
            "keys": keys("key"),
            "secondary_keys": keys("secondkey"),
            "content": fields.text("content"),
            "enabled": true,
            "insertion_order": fields.integer("insertorder").unwrap_or(100),
            "constant": fields.boolean("alwaysActive").unwrap_or(false),
            "selective": fields.boolean("selective").unwrap_or(false),
            "use_regex": fields.boolean("useRegex").unwrap_or(false),
            "name": fields.text("comment"),
            "comment": fields.text("comment"),
            "extensions": chance,
        })
    });
    let entries: Vec<Value> = entries.collect();
    let mut book = with_entries(entries);
    for (theirs, ours) in [
        ("scanDepth", "scan_depth"),
        ("tokenBudget", "token_budget"),
        ("recursiveScanning", "recursive_scanning"),
    ] {
        if let Some(value) = settings.get(theirs) {
            book[ours] = value.clone();
        }
    }
    book
}

fn with_entries(entries: Vec<Value>) -> Value {
    json!({"extensions": {}, "entries": entries})
}

fn objects(list: Option<&Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let list = list.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object)
}
