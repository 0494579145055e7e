//! A lorebook as its JSON document, which is the truth: views read it, edits patch it, and what we don't know stays in it.

mod edit;
mod write;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Entry, Lorebook, entry_ids, native, parse, spelling};
use crate::domain::etag::hash_etag;

pub use self::edit::{BookPatch, EntryPatch, Position};

/// Most bytes of a lorebook that stands by itself, as for a card.
pub const MAX_BOOK_BYTES: usize = crate::domain::card::MAX_DOCUMENT_BYTES;

/// A lorebook's JSON, as a card has it.
#[derive(Debug, Clone, PartialEq)]
pub struct BookDocument(Map<String, Value>);

/// An entry of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryView {
    /// By what it is known in its book.
    pub id: String,
    /// What is read of it.
    pub entry: Entry,
    /// Its JSON.
    pub json: Map<String, Value>,
}

impl BookDocument {
    /// A lorebook of this JSON; none if it is no object.
    #[must_use]
    pub fn of(json: &Value) -> Option<Self> {
        json.as_object().cloned().map(Self)
    }

    /// The lorebook in a file: a standalone one of V3, that of a card, `SillyTavern`'s world info, or one in the form of another
    /// program. None if there is none.
    #[must_use]
    pub fn in_file(json: &Value) -> Option<Self> {
        if let Some(book) = json.as_object().and_then(native::book) {
            return Self::of(&book);
        }
        let data = json.get("data").filter(|data| data.is_object());
        let card = data.unwrap_or(json);
        let of_card = card.get("character_book").filter(|book| book.is_object());
        let book = of_card.or(data).unwrap_or(json);
        let has_entries = book
            .get("entries")
            .is_some_and(|it| it.is_array() || it.is_object());
        has_entries.then(|| Self::of(book)).flatten()
    }

    /// Whether its entries are what entries can be, if it has any.
    #[must_use]
    pub fn has_entries_or_none(&self) -> bool {
        let entries = self.0.get("entries");
        entries.is_none_or(|it| it.is_array() || it.is_object())
    }

    /// A lorebook without entries.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let mut map = Map::new();
        map.insert("name".to_owned(), name.into());
        map.insert("extensions".to_owned(), Value::Object(Map::new()));
        map.insert("entries".to_owned(), Value::Array(Vec::new()));
        Self(map)
    }

    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// The book as prompts use it.
    #[must_use]
    pub fn parsed(&self) -> Lorebook {
        Lorebook::from_json(&self.to_json()).unwrap_or_default()
    }

    /// How long its JSON is.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.to_json().to_string().len()
    }

    /// What tells this state of the book from others.
    #[must_use]
    pub fn etag(&self) -> String {
        etag(&self.0)
    }

    /// How many entries it has.
    #[must_use]
    pub fn entry_count(&self) -> usize {
        self.objects().count()
    }

    /// Its entries, in their order.
    #[must_use]
    pub fn entries(&self) -> Vec<EntryView> {
        let views = self.objects().zip(self.ids());
        let views = views.filter_map(|(json, id)| {
            let entry = parse::entry(json)?;
            let json = json.clone();
            Some(EntryView { id, entry, json })
        });
        views.collect()
    }

    /// An entry, if it has it.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<EntryView> {
        self.entries().into_iter().find(|entry| entry.id == id)
    }

    /// The entries that are objects: what else stands among them is kept and means nothing.
    fn objects(&self) -> impl Iterator<Item = &Map<String, Value>> {
        let (list, map) = match self.0.get("entries") {
            Some(Value::Array(list)) => (Some(list), None),
            Some(Value::Object(map)) => (None, Some(map)),
            _ => (None, None),
        };
        let in_map = map.into_iter().flat_map(Map::values);
        let all = list.into_iter().flatten().chain(in_map);
        all.filter_map(Value::as_object)
    }

    fn ids(&self) -> Vec<String> {
        let given: Vec<Option<String>> = self.objects().map(parse::given_id).collect();
        entry_ids(given.iter().map(Option::as_deref))
    }
}

impl EntryView {
    /// How long its JSON is.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        serde_json::to_vec(&self.json).map_or(0, |json| json.len())
    }

    /// What tells this state of the entry from others.
    #[must_use]
    pub fn etag(&self) -> String {
        etag(&self.json)
    }

    /// What other programs keep with it, if there is anything.
    #[must_use]
    pub fn extensions(&self) -> Option<Map<String, Value>> {
        let spelled = spelling::as_in_cards(&self.json);
        let extensions = spelled.get("extensions")?.as_object()?;
        Some(extensions.clone())
    }
}

fn etag(json: &Map<String, Value>) -> String {
    let mut state = Sha256::new();
    // The map's own order: a change of it is one as well.
    state.update(serde_json::to_vec(json).unwrap_or_default());
    hash_etag(state)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(entries: Value) -> BookDocument {
        BookDocument::of(&json!({"name": "Varn", "entries": entries, "kept": [1, 2.5]})).unwrap()
    }

    fn ids(book: &BookDocument) -> Vec<String> {
        book.entries().into_iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn finds_the_book_of_a_file() {
        let book = json!({"name": "Varn", "entries": []});
        let files = [
            json!({"spec": "lorebook_v3", "data": book}),
            json!({"spec": "chara_card_v2", "data": {"name": "Mira", "character_book": book}}),
            json!({"name": "Mira", "character_book": book}),
            book.clone(),
        ];
        for file in files {
            let found = BookDocument::in_file(&file).unwrap();
            assert_eq!(found.to_json(), book, "{file}");
        }
        let world = json!({"entries": {"0": {"uid": 7, "content": "A"}}});
        assert_eq!(ids(&BookDocument::in_file(&world).unwrap()), ["7"]);
        for file in [
            json!({}),
            json!([]),
            json!({"data": {"name": "Mira"}}),
            json!({"entries": "no"}),
        ] {
            assert_eq!(BookDocument::in_file(&file), None, "{file}");
        }
    }

    #[test]
    fn an_edit_of_an_entry_leaves_all_else() {
        let mut book = document(json!([
            {"content": "one", "keys": ["a"], "extensions": {"sticky": 3}, "odd": {"x": 1}},
            "no entry",
            {"id": "b", "content": "two", "keys": ["b"], "key": ["B"], "disable": true},
        ]));
        assert_eq!(ids(&book), ["0", "b"]);
        let before = book.entry("b").unwrap().etag();
        let patch = EntryPatch {
            content: Some("uno".to_owned()),
            ..EntryPatch::default()
        };
        assert!(book.patch_entry("0", &patch));
        let entry = book.entry("0").unwrap();
        assert_eq!(entry.entry.content, "uno");
        assert_eq!(entry.json["extensions"]["sticky"], 3);
        assert_eq!(entry.json["odd"]["x"], 1);
        assert_eq!(book.entry("b").unwrap().etag(), before);
        assert_eq!(book.to_json()["kept"], json!([1, 2.5]));
        assert_eq!(book.to_json()["entries"][1], "no entry");
        // Another spelling of what is set doesn't stay beside it.
        let patch = EntryPatch {
            keys: Some(vec!["c".to_owned()]),
            enabled: Some(true),
            ..EntryPatch::default()
        };
        assert!(book.patch_entry("b", &patch));
        let entry = book.entry("b").unwrap();
        assert_eq!(entry.entry.keys, ["c"]);
        assert!(entry.entry.enabled && !entry.json.contains_key("key"));
        assert!(!book.patch_entry("c", &patch));
    }

    #[test]
    fn an_entry_keeps_its_id_when_others_come_and_go() {
        for entries in [
            json!([{"content": "zero"}, {"content": "one"}, {"id": 9, "content": "two"}]),
            json!({"x": {"content": "zero"}, "y": {"content": "one"}, "z": {"id": 9, "content": "two"}}),
        ] {
            let mut book = document(entries);
            assert_eq!(ids(&book), ["0", "1", "9"]);
            assert!(book.remove_entry("0"));
            assert!(!book.remove_entry("0"));
            assert_eq!(ids(&book), ["1", "9"]);
            let new = book.insert_entry(&EntryPatch::default());
            assert_eq!(new, "10");
            assert_eq!(ids(&book), ["1", "9", "10"]);
            assert_eq!(book.parsed().entries.len(), 3);
        }
        let mut empty = BookDocument::of(&json!({})).unwrap();
        assert_eq!(empty.insert_entry(&EntryPatch::default()), "0");
        assert_eq!(empty.entry_count(), 1);
    }

    #[test]
    fn each_position_is_read_as_it_was_set() {
        for position in Position::ALL {
            let mut book = BookDocument::named("Varn");
            let patch = EntryPatch {
                position: Some(Some(position)),
                depth: Some(Some(2)),
                ..EntryPatch::default()
            };
            let id = book.insert_entry(&patch);
            let entry = book.entry(&id).unwrap().entry;
            assert_eq!(Position::of(&entry), Some(position));
            let patch = EntryPatch {
                position: Some(None),
                ..EntryPatch::default()
            };
            book.patch_entry(&id, &patch);
            let entry = book.entry(&id).unwrap().entry;
            assert_eq!(Position::of(&entry), None, "{position:?}");
        }
    }

    #[test]
    fn what_is_cleared_stays_in_no_other_spelling() {
        let mut book = document(json!({"0": {
            "uid": 0, "key": ["reef"], "content": "Rocks.", "order": 20, "disable": false, "position": 4, "depth": 2, "role": 1,
            "probability": 40, "useProbability": true, "caseSensitive": true, "matchWholeWords": false, "scanDepth": 3, "sticky": 5,
        }}));
        let read = |book: &BookDocument| book.entry("0").unwrap();
        assert_eq!(Position::of(&read(&book).entry), Some(Position::AtDepth));
        assert_eq!(read(&book).extensions().unwrap()["sticky"], 5);
        let patch = EntryPatch {
            case_sensitive: Some(None),
            match_whole_words: Some(None),
            scan_depth: Some(None),
            position: Some(None),
            depth: Some(None),
            role: Some(None),
            probability: Some(None),
            ..EntryPatch::default()
        };
        book.patch_entry("0", &patch);
        let entry = read(&book).entry;
        assert_eq!((Position::of(&entry), entry.scan_depth), (None, None));
        assert_eq!(
            (entry.case_sensitive, entry.match_whole_words),
            (None, None)
        );
        assert!((entry.probability - 100.0).abs() < f64::EPSILON);
        // What the patch doesn't name means what it meant.
        assert_eq!(
            (entry.keys, entry.insertion_order),
            (vec!["reef".to_owned()], 20)
        );
        assert_eq!(entry.timed.sticky, Some(5));
        let patch = EntryPatch {
            keys: Some(vec!["deep".to_owned()]),
            insertion_order: Some(1),
            enabled: Some(true),
            ..EntryPatch::default()
        };
        book.patch_entry("0", &patch);
        assert_eq!(read(&book).entry.timed.sticky, Some(5));
    }
}
