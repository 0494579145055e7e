//! Lorebooks in the forms of other programs, made books as cards have them by what their fields mean. What has no place in such a
//! book is kept under `extensions`.

use serde_json::{Map, Value, json};

use crate::domain::lenient::Fields;

/// Fields: theirs, ours.
type Names = &'static [(&'static str, &'static str)];

/// What Agnai and RisuAI say of a book, which cards say in other words.
const OF_BOOKS: Names = &[
    ("name", "name"),
    ("description", "description"),
    ("scanDepth", "scan_depth"),
    ("tokenBudget", "token_budget"),
    ("recursiveScanning", "recursive_scanning"),
];
/// Where an entry stands is its weight, and what is left out first its priority.
const OF_AGNAI: Names = &[
    ("keywords", "keys"),
    ("entry", "content"),
    ("enabled", "enabled"),
    ("weight", "insertion_order"),
    ("priority", "priority"),
    ("name", "name"),
];
const OF_RISU: Names = &[
    ("key", "keys"),
    ("secondkey", "secondary_keys"),
    ("content", "content"),
    ("insertorder", "insertion_order"),
    ("alwaysActive", "constant"),
    ("selective", "selective"),
    ("useRegex", "use_regex"),
    ("comment", "name"),
];
const OF_NOVEL_AI: Names = &[
    ("keys", "keys"),
    ("text", "content"),
    ("enabled", "enabled"),
    ("forceActivation", "constant"),
    ("displayName", "name"),
    ("id", "id"),
];

/// The lorebook of a file that is in one of these forms; none if it isn't.
pub(super) fn book(file: &Map<String, Value>) -> Option<Value> {
    let fields = Fields(Some(file));
    if file.contains_key("lorebookVersion") {
        return Some(of_novel_ai(file.clone()));
    }
    if fields.text("type") == "risu" {
        let mut settings = file.clone();
        let lore = settings.shift_remove("data").filter(Value::is_array)?;
        return Some(of_risu(&lore, settings));
    }
    let is_of_agnai = fields.text("kind") == "memory"
        || objects(fields.get("entries"))
            .any(|it| it.contains_key("keywords") && it.contains_key("entry"));
    is_of_agnai.then(|| of_agnai(file.clone()))
}

/// A memory book of Agnai.
pub(crate) fn of_agnai(mut memory: Map<String, Value>) -> Value {
    let entries = memory.shift_remove("entries");
    let entries = objects(entries.as_ref()).map(|entry| {
        // Made from a card, it is in a card's form already.
        match entry.contains_key("keys") {
            true => Value::Object(entry.clone()),
            false => entry_of("agnai", entry.clone(), OF_AGNAI),
        }
    });
    let entries = entries.collect();
    book_of("agnai", memory, entries)
}

/// `RisuAI`'s lore of a character: keys in one text with commas, and folders among the entries, which have no text.
pub(crate) fn of_risu(lore: &Value, settings: Map<String, Value>) -> Value {
    let is_folder = |entry: &&Map<String, Value>| Fields(Some(*entry)).text("mode") == "folder";
    let entries = objects(Some(lore)).filter(|entry| !is_folder(entry));
    let entries = entries.map(|theirs| {
        let fields = Fields(Some(theirs));
        let is_pattern = fields.boolean("useRegex") == Some(true);
        let mut entry = entry_of("risuai", theirs.clone(), OF_RISU);
        for (key, our) in [("key", "keys"), ("secondkey", "secondary_keys")] {
            let list = fields.text(key);
            // A pattern may have commas of its own.
            let keys = list.split(|c| c == ',' && !is_pattern).map(str::trim);
            entry[our] = keys.filter(|key| !key.is_empty()).collect();
        }
        if let Some(chance) = fields.number("activationPercent") {
            entry["extensions"]["probability"] = json!(chance);
        }
        entry
    });
    let entries = entries.collect();
    book_of("risuai", settings, entries)
}

/// A lorebook of `NovelAI`. Its entries say by one number which of them come first and which are left out last, and those of a
/// category that is switched off are off.
fn of_novel_ai(mut book: Map<String, Value>) -> Value {
    let entries = book.shift_remove("entries");
    let is_off = |it: &&Map<String, Value>| Fields(Some(*it)).boolean("enabled") == Some(false);
    let off: Vec<String> = objects(book.get("categories"))
        .filter(is_off)
        .map(|category| Fields(Some(category)).text("id").into_owned())
        .filter(|id| !id.is_empty())
        .collect();
    let entries = objects(entries.as_ref()).map(|theirs| {
        let fields = Fields(Some(theirs));
        let mut entry = entry_of("novelai", theirs.clone(), OF_NOVEL_AI);
        if let Some(order) = fields.object("contextConfig").integer("budgetPriority") {
            (entry["insertion_order"], entry["priority"]) = (json!(order), json!(order));
        }
        if off.iter().any(|id| *id == fields.text("category")) {
            entry["enabled"] = json!(false);
        }
        entry
    });
    let entries = entries.collect();
    book_of("novelai", book, entries)
}

/// An entry of these fields; what else it has is kept under the program's name.
fn entry_of(program: &str, mut theirs: Map<String, Value>, names: Names) -> Value {
    let mut entry = json!({
        "keys": [], "content": "", "enabled": true, "insertion_order": 100, "extensions": {},
    });
    move_to(&mut entry, &mut theirs, names);
    if !theirs.is_empty() {
        entry["extensions"][program] = Value::Object(theirs);
    }
    entry
}

/// A book of these entries; what else is said of it is kept under the program's name.
fn book_of(program: &str, mut theirs: Map<String, Value>, entries: Vec<Value>) -> Value {
    let mut book = json!({"extensions": {}});
    move_to(&mut book, &mut theirs, OF_BOOKS);
    if !theirs.is_empty() {
        book["extensions"][program] = Value::Object(theirs);
    }
    book["entries"] = Value::Array(entries);
    book
}

fn move_to(ours: &mut Value, theirs: &mut Map<String, Value>, names: Names) {
    for (their, our) in names {
        match theirs.shift_remove(*their) {
            Some(Value::Null) | None => {}
            Some(value) => ours[our] = value,
        }
    }
}

fn objects(list: Option<&Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let list = list.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lorebook::{BookDocument, Lorebook};

    fn read(file: &Value) -> (Value, Lorebook) {
        let document = BookDocument::in_file(file).unwrap();
        (document.to_json(), document.parsed())
    }

    #[test]
    fn a_memory_book_of_agnai_is_read_by_what_its_fields_mean() {
        let entry = json!({"name": "Reef", "keywords": ["reef", "rocks"], "entry": "Sharp.", "weight": 7,
            "priority": 3, "enabled": false, "id": "e"});
        for kind in [json!("memory"), Value::Null] {
            let file = json!({"kind": kind, "name": "Coast", "description": "", "entries": [entry], "_id": "x"});
            let (json, book) = read(&file);
            let [entry] = &book.entries[..] else {
                panic!("{json}")
            };
            assert_eq!((&*book.name, entry.title()), ("Coast", "Reef"));
            assert_eq!(entry.keys, ["reef", "rocks"]);
            assert_eq!((&*entry.content, entry.insertion_order), ("Sharp.", 7));
            assert_eq!((entry.priority, entry.enabled), (Some(3), false));
            assert_eq!(json["extensions"]["agnai"]["_id"], "x");
        }
    }

    #[test]
    fn a_lorebook_of_risu_is_read_by_what_its_fields_mean() {
        let file = json!({"type": "risu", "ver": 1, "data": [
            {"key": "reef, rocks", "secondkey": "tide", "insertorder": 20, "comment": "Reef", "content": "Sharp.",
             "mode": "normal", "alwaysActive": false, "selective": true, "activationPercent": 40},
            {"key": "/fo{1,2}g/i", "secondkey": "", "insertorder": "30", "comment": "", "content": "Thick.",
             "mode": "constant", "alwaysActive": true, "useRegex": true, "loreCache": null},
            {"key": "", "comment": "A folder", "content": "", "mode": "folder"}
        ]});
        let (json, book) = read(&file);
        let [reef, fog] = &book.entries[..] else {
            panic!("{json}")
        };
        assert_eq!(
            (&reef.keys[..], &reef.secondary_keys[..]),
            (
                &["reef".to_owned(), "rocks".to_owned()][..],
                &["tide".to_owned()][..]
            )
        );
        assert!(reef.selective && !reef.constant && (reef.probability - 40.0).abs() < 0.01);
        assert_eq!(
            (fog.keys[0].as_str(), fog.insertion_order),
            ("/fo{1,2}g/i", 30)
        );
        assert!(fog.constant && fog.strict_regex);
        assert_eq!(json["extensions"]["risuai"]["ver"], 1);
        assert_eq!(
            BookDocument::in_file(&json!({"type": "risu", "data": {}})),
            None
        );
    }

    #[test]
    fn a_lorebook_of_novel_ai_is_read_by_what_its_fields_mean() {
        let entry = |name: &str, category: &str, more: Value| {
            let mut entry = json!({"text": "Sharp.", "displayName": name, "id": name, "keys": ["reef", "/roc+ks/i"],
                "searchRange": 1000, "enabled": true, "forceActivation": false, "category": category,
                "contextConfig": {"prefix": "", "suffix": "\n", "budgetPriority": 400}});
            let more = more.as_object().unwrap().clone();
            entry.as_object_mut().unwrap().extend(more);
            entry
        };
        let file = json!({"lorebookVersion": 5, "settings": {"orderByKeyLocations": false},
        "categories": [{"id": "c", "enabled": false}, {"id": "d", "enabled": true}],
        "entries": [
            entry("Reef", "", json!({})),
            entry("Off", "d", json!({"enabled": false})),
            entry("In a category that is off", "c", json!({})),
            entry("Always", "d", json!({"forceActivation": true, "contextConfig": null})),
        ]});
        let (json, book) = read(&file);
        let seen: Vec<_> = book
            .entries
            .iter()
            .map(|it| (it.title(), it.enabled, it.constant, it.insertion_order))
            .collect();
        assert_eq!(
            seen,
            [
                ("Reef", true, false, 400),
                ("Off", false, false, 400),
                ("In a category that is off", false, false, 400),
                ("Always", true, true, 100),
            ]
        );
        assert_eq!(book.entries[0].keys, ["reef", "/roc+ks/i"]);
        assert_eq!(
            (&*book.entries[0].content, book.entries[0].id.as_deref()),
            ("Sharp.", Some("Reef"))
        );
        assert_eq!(
            json["entries"][0]["extensions"]["novelai"]["searchRange"],
            1000
        );
        assert_eq!(json["extensions"]["novelai"]["categories"][0]["id"], "c");
    }
}
