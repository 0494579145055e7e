//! SillyTavern's own spelling of an entry, which some programs leave as it is inside of cards: `key`, `disable`, `order` and so on
//! instead of `keys`, `enabled`, `insertion_order`, and everything else beside them instead of under `extensions`.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::domain::lenient;

/// Fields of an entry: as SillyTavern spells them, as cards do.
const FIELDS: [(&str, &str); 4] = [
    ("key", "keys"),
    ("keysecondary", "secondary_keys"),
    ("order", "insertion_order"),
    ("uid", "id"),
];
/// What cards have under `extensions`, as SillyTavern spells it beside the rest.
const EXTENSIONS: [(&str, &str); 30] = [
    ("selectiveLogic", "selectiveLogic"),
    ("position", "position"),
    ("depth", "depth"),
    ("role", "role"),
    ("outletName", "outlet_name"),
    ("probability", "probability"),
    ("useProbability", "useProbability"),
    ("excludeRecursion", "exclude_recursion"),
    ("preventRecursion", "prevent_recursion"),
    ("delayUntilRecursion", "delay_until_recursion"),
    ("scanDepth", "scan_depth"),
    ("caseSensitive", "case_sensitive"),
    ("matchWholeWords", "match_whole_words"),
    ("group", "group"),
    ("groupOverride", "group_override"),
    ("groupWeight", "group_weight"),
    ("useGroupScoring", "use_group_scoring"),
    ("sticky", "sticky"),
    ("cooldown", "cooldown"),
    ("delay", "delay"),
    ("ignoreBudget", "ignore_budget"),
    ("triggers", "triggers"),
    ("automationId", "automation_id"),
    ("vectorized", "vectorized"),
    ("displayIndex", "display_index"),
    ("matchPersonaDescription", "match_persona_description"),
    ("matchCharacterDescription", "match_character_description"),
    ("matchCharacterPersonality", "match_character_personality"),
    ("matchCharacterDepthPrompt", "match_character_depth_prompt"),
    ("matchScenario", "match_scenario"),
];

/// The entry as cards spell it. What a card's field says goes before what SillyTavern's says, but an entry that either of them
/// disables is disabled.
pub(super) fn as_in_cards(entry: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    let is_disabled = entry.get("disable").and_then(lenient::boolean);
    let has = |key: &str| entry.contains_key(key);
    if !has("key") && !has("keysecondary") && !has("order") && is_disabled.is_none() {
        return Cow::Borrowed(entry);
    }
    let mut spelled = entry.clone();
    if let Some(is_disabled) = is_disabled {
        let enabled = entry.get("enabled").and_then(lenient::boolean);
        let enabled = enabled.unwrap_or(true) && !is_disabled;
        spelled.insert("enabled".to_owned(), json!(enabled));
    }
    for (theirs, ours) in FIELDS {
        if let Some(value) = entry.get(theirs).filter(|value| !value.is_null()) {
            spelled.entry(ours).or_insert_with(|| value.clone());
        }
    }
    // Without this field, secondary keys count where there are some.
    spelled.entry("selective").or_insert_with(|| json!(true));
    let mut extensions = match spelled.remove("extensions") {
        Some(Value::Object(extensions)) => extensions,
        _ => Map::new(),
    };
    for (theirs, ours) in EXTENSIONS {
        // A card's own position is a word, and stands beside the rest too.
        let value = entry.get(theirs).filter(|value| !value.is_null());
        if let Some(value) = value.filter(|value| theirs != "position" || value.is_number()) {
            extensions.entry(ours).or_insert_with(|| value.clone());
        }
    }
    // By which its rules of keys are known to be SillyTavern's.
    extensions
        .entry("selectiveLogic")
        .or_insert_with(|| json!(0));
    spelled.insert("extensions".to_owned(), Value::Object(extensions));
    Cow::Owned(spelled)
}

/// Leaves an entry in the spelling of cards alone, so that nothing of it stands in two places, of which a change would reach one.
pub(super) fn settle(entry: &mut Map<String, Value>) {
    let Cow::Owned(mut spelled) = as_in_cards(entry) else {
        return;
    };
    spelled.shift_remove("disable");
    for (theirs, _) in FIELDS.into_iter().chain(EXTENSIONS) {
        if theirs != "position" || !spelled.get(theirs).is_some_and(Value::is_string) {
            spelled.shift_remove(theirs);
        }
    }
    *entry = spelled;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lorebook::{Entry, Lorebook, Placement, SelectiveLogic};
    use crate::domain::role::Role;

    fn entry(entry: &Value) -> Entry {
        let book = json!({"entries": {"0": entry}});
        Lorebook::from_json(&book).unwrap().entries.remove(0)
    }

    #[test]
    fn an_entry_in_silly_tavern_s_spelling_means_what_it_means_there() {
        let read = entry(&json!({
            "uid": 7, "key": ["reef"], "keysecondary": ["tide"], "selectiveLogic": 3, "content": "c",
            "order": 5, "position": 4, "depth": 1, "role": 2, "disable": false, "probability": 40,
            "useProbability": true, "excludeRecursion": true, "preventRecursion": true,
            "scanDepth": 9, "caseSensitive": true, "matchWholeWords": false, "group": "a, b",
            "groupWeight": 3, "sticky": 2, "cooldown": null, "matchScenario": true
        }));
        assert_eq!(
            (read.keys, read.secondary_keys),
            (vec!["reef".into()], vec!["tide".into()])
        );
        assert_eq!((read.selective, read.logic), (true, SelectiveLogic::AndAll));
        assert_eq!((read.id.as_deref(), read.insertion_order), (Some("7"), 5));
        let depth = Placement::Depth {
            depth: 1,
            role: Role::Assistant,
        };
        assert_eq!(read.placement, depth);
        assert!(read.enabled && read.exclude_recursion && read.prevent_recursion);
        assert!((read.probability - 40.0).abs() < f64::EPSILON);
        assert_eq!(
            (read.scan_depth, read.case_sensitive),
            (Some(9), Some(true))
        );
        assert_eq!(read.match_whole_words, Some(false));
        assert_eq!((read.groups.len(), read.group_weight), (2, 3));
        assert_eq!((read.timed.sticky, read.timed.cooldown), (Some(2), None));
        assert!(read.match_sources.scenario && !read.strict_regex);
    }

    #[test]
    fn an_entry_that_either_spelling_disables_is_disabled() {
        for (fields, enabled) in [
            (json!({"key": ["a"], "disable": true}), false),
            (json!({"keys": ["a"], "disable": "true"}), false),
            (json!({"keys": ["a"], "enabled": true, "disable": 1}), false),
            (
                json!({"key": ["a"], "enabled": false, "disable": false}),
                false,
            ),
            (json!({"key": ["a"], "disable": false}), true),
            (json!({"key": ["a"]}), true),
        ] {
            assert_eq!(entry(&fields).enabled, enabled, "{fields}");
        }
    }

    #[test]
    fn a_card_s_field_goes_before_silly_tavern_s() {
        let read = entry(&json!({
            "keys": ["mine"], "key": ["theirs"], "insertion_order": 1, "order": 2,
            "position": "after_char", "content": "c"
        }));
        assert_eq!((read.keys, read.insertion_order), (vec!["mine".into()], 1));
        assert_eq!(read.placement, Placement::AfterCharacter);
    }
}
