//! Writing into the JSON of lorebooks and their entries.

use serde_json::{Map, Value, json};

use super::edit::{EntryPatch, Position};
use crate::domain::lorebook::{Placement, parse, spelling};
use crate::domain::role::Role;

/// Changes an entry, unless it says already what it is to say: what was read and is sent back changes nothing.
pub(super) fn rewrite(entry: &mut Map<String, Value>, patch: &EntryPatch) {
    if !says(entry, patch) {
        write(entry, patch);
    }
}

/// Whether an entry shows all that a patch says.
fn says(json: &Map<String, Value>, patch: &EntryPatch) -> bool {
    let Some(entry) = parse::entry(json) else {
        return false;
    };
    let name = match entry.comment.is_empty() {
        true => &entry.name,
        false => &entry.comment,
    };
    let (depth, role) = match entry.placement {
        Placement::Depth { depth, role } => (Some(depth), Some(role)),
        _ => (None, None),
    };
    let content = json.get("content").and_then(Value::as_str);
    let spelled = spelling::as_in_cards(json);
    let extensions = spelled.get("extensions").and_then(Value::as_object);
    let probability = extensions.and_then(|it| it.get("probability"));
    let has_other_extensions = patch
        .extensions
        .as_ref()
        .is_some_and(|wanted| extensions.map_or(!wanted.is_empty(), |own| own != wanted));
    !has_other_extensions
        && is_same(&patch.name, name)
        && is_same(&patch.keys, &entry.keys)
        && is_same(&patch.secondary_keys, &entry.secondary_keys)
        && patch
            .content
            .as_deref()
            .is_none_or(|it| it == content.unwrap_or_default())
        && is_same(&patch.enabled, &entry.enabled)
        && is_same(&patch.constant, &entry.constant)
        && is_same(&patch.selective, &entry.selective)
        && patch
            .insertion_order
            .is_none_or(|it| i64::from(it) == entry.insertion_order)
        && is_same(&patch.case_sensitive, &entry.case_sensitive)
        && is_same(&patch.match_whole_words, &entry.match_whole_words)
        && is_same(&patch.scan_depth, &entry.scan_depth)
        && is_same(&patch.position, &Position::of(&entry))
        && is_same(&patch.depth, &depth)
        && is_same(&patch.role, &role)
        && patch
            .probability
            .is_none_or(|it| it.map(f64::from) == probability.map(|_| entry.probability))
}

/// Whether a field that may be named is what it is to be.
fn is_same<T: PartialEq>(wanted: &Option<T>, is: &T) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == is)
}

pub(super) fn write(entry: &mut Map<String, Value>, patch: &EntryPatch) {
    spelling::settle(entry);
    set(entry, "name", patch.name.as_ref(), &[]);
    // What people see is the comment, where there is one.
    set(entry, "comment", patch.name.as_ref(), &[]);
    set(entry, "keys", patch.keys.as_ref(), &["key"]);
    let secondary = patch.secondary_keys.as_ref();
    set(entry, "secondary_keys", secondary, &["keysecondary"]);
    set(entry, "content", patch.content.as_ref(), &[]);
    set(entry, "enabled", patch.enabled, &["disable"]);
    set(entry, "constant", patch.constant, &[]);
    set(entry, "selective", patch.selective, &[]);
    set(entry, "insertion_order", patch.insertion_order, &["order"]);
    if let Some(extensions) = &patch.extensions {
        entry.insert("extensions".to_owned(), Value::Object(extensions.clone()));
    }
    // These count in the extensions first.
    for (key, value) in [
        ("case_sensitive", patch.case_sensitive),
        ("match_whole_words", patch.match_whole_words),
    ] {
        choose_extension(entry, key, value);
        choose(entry, key, value);
    }
    choose_extension(entry, "scan_depth", patch.scan_depth);
    choose(entry, "scan_depth", patch.scan_depth);
    choose_extension(entry, "depth", patch.depth);
    let role = patch.role.map(|role| role.map(number_of));
    choose_extension(entry, "role", role);
    choose_extension(entry, "probability", patch.probability);
    if patch.probability.is_some() && has_extension(entry, "useProbability") {
        choose_extension(entry, "useProbability", Some(Some(true)));
    }
    let near = patch.position.map(|position| match position? {
        Position::BeforeCharacter => Some("before_char"),
        _ => Some("after_char"),
    });
    choose(entry, "position", near);
    let position = patch.position.map(|position| position.map(|it| it as u8));
    choose_extension(entry, "position", position);
}

fn number_of(role: Role) -> u8 {
    match role {
        Role::System => 0,
        Role::User => 1,
        Role::Assistant => 2,
    }
}

/// Sets a field that is given, in the place of all its spellings.
pub(super) fn set(
    map: &mut Map<String, Value>,
    key: &str,
    value: Option<impl serde::Serialize>,
    other_spellings: &[&str],
) {
    let Some(value) = value else { return };
    for other in other_spellings {
        map.shift_remove(*other);
    }
    map.insert(key.to_owned(), json!(value));
}

/// Sets a field, or leaves it to the default, if that is asked for.
pub(super) fn choose<T>(map: &mut Map<String, Value>, key: &str, value: Option<Option<T>>)
where
    Value: From<T>,
{
    match value {
        Some(Some(value)) => {
            map.insert(key.to_owned(), value.into());
        }
        Some(None) => {
            map.shift_remove(key);
        }
        None => {}
    }
}

fn has_extension(entry: &Map<String, Value>, key: &str) -> bool {
    entry
        .get("extensions")
        .is_some_and(|it| it.get(key).is_some())
}

fn choose_extension<T>(entry: &mut Map<String, Value>, key: &str, value: Option<Option<T>>)
where
    Value: From<T>,
{
    let Some(value) = value else { return };
    let extensions = entry
        .entry("extensions")
        .or_insert_with(|| Value::Object(Map::new()));
    if !extensions.is_object() {
        *extensions = Value::Object(Map::new());
    }
    if let Some(extensions) = extensions.as_object_mut() {
        choose(extensions, key, Some(value));
    }
}
