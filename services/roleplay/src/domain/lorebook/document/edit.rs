//! Edits of a lorebook's document.

use serde_json::{Map, Value, json};

use super::BookDocument;
use super::write::{choose, rewrite, set, write};
use crate::domain::lorebook::{Entry, Placement};
use crate::domain::role::Role;

/// The fields of a book to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BookPatch {
    /// Name.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Messages to look at; `Some(None)` for the default. The others likewise.
    pub scan_depth: Option<Option<u32>>,
    /// Most tokens.
    pub token_budget: Option<Option<u32>>,
    /// Whether entries find entries.
    pub recursive_scanning: Option<Option<bool>>,
}

/// The fields of an entry to change; `None` leaves a field as it is, and `Some(None)` leaves it to the default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EntryPatch {
    /// Name.
    pub name: Option<String>,
    /// Keys.
    pub keys: Option<Vec<String>>,
    /// Secondary keys.
    pub secondary_keys: Option<Vec<String>>,
    /// The text, with its decorators.
    pub content: Option<String>,
    /// Whether it takes part.
    pub enabled: Option<bool>,
    /// Whether it always fires.
    pub constant: Option<bool>,
    /// Whether secondary keys count.
    pub selective: Option<bool>,
    /// Its order.
    pub insertion_order: Option<i32>,
    /// Whether case counts.
    pub case_sensitive: Option<Option<bool>>,
    /// Whether keys match whole words only.
    pub match_whole_words: Option<Option<bool>>,
    /// Messages to look at.
    pub scan_depth: Option<Option<u32>>,
    /// What other programs keep with it, as a whole.
    pub extensions: Option<Map<String, Value>>,
    /// Where its text goes.
    pub position: Option<Option<Position>>,
    /// How many messages stand behind it.
    pub depth: Option<Option<u32>>,
    /// As whom it speaks.
    pub role: Option<Option<Role>>,
    /// Percent.
    pub probability: Option<Option<u32>>,
}

impl EntryPatch {
    /// How much text it has: a book that has taken it is larger.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let texts = [&self.name, &self.content].into_iter().flatten();
        let keys = [&self.keys, &self.secondary_keys].into_iter().flatten();
        let texts: usize = texts.chain(keys.flatten()).map(String::len).sum();
        let extensions = self.extensions.as_ref();
        texts + extensions.map_or(0, |it| serde_json::to_vec(it).map_or(0, |json| json.len()))
    }
}

/// Where the text of an entry goes, by the numbers of `SillyTavern`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Before everything of the character.
    BeforeCharacter = 0,
    /// After everything of the character.
    AfterCharacter = 1,
    /// Above the author's note.
    BeforeNote = 2,
    /// Below the author's note.
    AfterNote = 3,
    /// Among the last messages.
    AtDepth = 4,
    /// Before the example dialogues.
    BeforeExamples = 5,
    /// After the example dialogues.
    AfterExamples = 6,
    /// Where a macro names it.
    Outlet = 7,
}

impl Position {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::BeforeCharacter,
        Self::AfterCharacter,
        Self::BeforeNote,
        Self::AfterNote,
        Self::AtDepth,
        Self::BeforeExamples,
        Self::AfterExamples,
        Self::Outlet,
    ];

    /// The position that an entry names; none where it leaves that to the settings, or a decorator names one that nothing else can.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Self> {
        if !entry.is_placed {
            return None;
        }
        Some(match &entry.placement {
            Placement::BeforeCharacter => Self::BeforeCharacter,
            Placement::AfterCharacter => Self::AfterCharacter,
            Placement::NoteTop => Self::BeforeNote,
            Placement::NoteBottom => Self::AfterNote,
            Placement::Depth { .. } => Self::AtDepth,
            Placement::BeforeExamples => Self::BeforeExamples,
            Placement::AfterExamples => Self::AfterExamples,
            Placement::Outlet { .. } => Self::Outlet,
            Placement::BeforeDescription
            | Placement::AfterDescription
            | Placement::AfterPersonality
            | Placement::AfterScenario => return None,
        })
    }
}

impl BookDocument {
    /// Changes the book, and none of its entries.
    pub fn apply(&mut self, patch: &BookPatch) {
        for (key, text) in [("name", &patch.name), ("description", &patch.description)] {
            // A text that is empty already stays as it is.
            let text = text.as_ref();
            let text = text.filter(|it| !it.is_empty() || self.0.contains_key(key));
            set(&mut self.0, key, text, &[]);
        }
        choose(&mut self.0, "scan_depth", patch.scan_depth);
        choose(&mut self.0, "token_budget", patch.token_budget);
        choose(&mut self.0, "recursive_scanning", patch.recursive_scanning);
    }

    /// Adds an entry at the end, and returns its id.
    pub fn insert_entry(&mut self, patch: &EntryPatch) -> String {
        self.settle_ids();
        let numbers = self
            .ids()
            .into_iter()
            .filter_map(|id| id.parse::<u32>().ok());
        let id = numbers.max().map_or(0, |last| last.saturating_add(1));
        let mut entry = new_entry(id);
        write(&mut entry, patch);
        let id = id.to_string();
        match self.0.get_mut("entries") {
            Some(Value::Array(entries)) => entries.push(Value::Object(entry)),
            Some(Value::Object(entries)) => {
                entries.insert(free_key(entries, &id), Value::Object(entry));
            }
            _ => {
                let entries = Value::Array(vec![Value::Object(entry)]);
                self.0.insert("entries".to_owned(), entries);
            }
        }
        id
    }

    /// Changes an entry. False if there is none of this id.
    pub fn patch_entry(&mut self, id: &str, patch: &EntryPatch) -> bool {
        let ids = self.ids();
        let mut entries = self.objects_mut().zip(ids);
        let found = entries.find(|(_, known)| known == id);
        found.map(|(entry, _)| rewrite(entry, patch)).is_some()
    }

    /// Takes an entry out. False if there is none of this id.
    pub fn remove_entry(&mut self, id: &str) -> bool {
        if !self.ids().iter().any(|known| known == id) {
            return false;
        }
        self.settle_ids();
        let keeps = |entry: &Value| {
            let object = entry.as_object();
            object.and_then(super::parse::given_id).as_deref() != Some(id)
        };
        match self.0.get_mut("entries") {
            Some(Value::Array(entries)) => entries.retain(|entry| keeps(entry)),
            Some(Value::Object(entries)) => entries.retain(|_, entry| keeps(entry)),
            _ => {}
        }
        true
    }

    /// Gives each entry the id that it is known by, which its place doesn't say once others come or go.
    fn settle_ids(&mut self) {
        let ids = self.ids();
        for (entry, id) in self.objects_mut().zip(ids) {
            if super::parse::given_id(entry).as_deref() != Some(id.as_str()) {
                let number = id.parse::<u32>().ok();
                let id = number.map_or_else(|| Value::from(id), Value::from);
                entry.insert("id".to_owned(), id);
            }
        }
    }

    fn objects_mut(&mut self) -> Box<dyn Iterator<Item = &mut Map<String, Value>> + '_> {
        match self.0.get_mut("entries") {
            Some(Value::Array(entries)) => {
                Box::new(entries.iter_mut().filter_map(Value::as_object_mut))
            }
            Some(Value::Object(entries)) => {
                Box::new(entries.values_mut().filter_map(Value::as_object_mut))
            }
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// An entry with what V2 and V3 require of it.
fn new_entry(id: u32) -> Map<String, Value> {
    let entry = json!({
        "id": id, "keys": [], "content": "", "extensions": {}, "enabled": true, "insertion_order": 100, "use_regex": false,
    });
    entry.as_object().cloned().unwrap_or_default()
}

/// A key that no entry of an object has.
fn free_key(entries: &Map<String, Value>, id: &str) -> String {
    let mut key = id.to_owned();
    while entries.contains_key(&key) {
        key.push('+');
    }
    key
}
