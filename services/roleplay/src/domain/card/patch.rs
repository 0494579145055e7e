//! Edits of a card: known fields are patched in the document, everything else stays.

use serde_json::{Map, Value, json};

use super::{
    Card, CardError, DepthPrompt, MAX_DOCUMENT_BYTES, Spec, TextField, convert, layout::Layout,
};
use crate::domain::lenient::Fields;

/// The fields to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardPatch {
    /// Texts to set.
    pub texts: Vec<(TextField, String)>,
    /// All alternate greetings.
    pub alternate_greetings: Option<Vec<String>>,
    /// All greetings for groups.
    pub group_only_greetings: Option<Vec<String>>,
    /// All tags.
    pub tags: Option<Vec<String>>,
    /// `Some(None)` takes the note away.
    pub depth_prompt: Option<Option<DepthPrompt>>,
    /// A lorebook in the card's JSON form; `Some(None)` takes the book away.
    pub character_book: Option<Option<Value>>,
}

impl CardPatch {
    /// Also sets this text.
    #[must_use]
    pub fn text(mut self, field: TextField, text: impl Into<String>) -> Self {
        self.texts.push((field, text.into()));
        self
    }

    /// Refuses what no card has room for. What this finds is found at once, whatever the card is that it is meant for.
    ///
    /// # Errors
    /// Its texts and its lorebook alone are larger than a card can be.
    pub fn check(&self) -> Result<(), CardError> {
        let texts = self.texts.iter().map(|(_, text)| text);
        let lists = [
            &self.alternate_greetings,
            &self.group_only_greetings,
            &self.tags,
        ];
        let texts = texts.chain(lists.into_iter().flatten().flatten());
        let note = self.depth_prompt.iter().flatten().map(|note| &note.text);
        let texts: usize = texts.chain(note).map(String::len).sum();
        let book = self.character_book.iter().flatten();
        let books: usize = book.map(|book| book.to_string().len()).sum();
        check_size(texts + books)
    }

    /// Only what changes something in the card: what stays as it is needs no newer specification.
    fn changing(&self, card: &Card) -> Self {
        let mut patch = self.clone();
        patch
            .texts
            .retain(|(field, text)| card.text(*field) != text.as_str());
        for (list, own) in [
            (&mut patch.alternate_greetings, card.alternate_greetings()),
            (&mut patch.group_only_greetings, card.group_only_greetings()),
            (&mut patch.tags, card.tags()),
        ] {
            if list.as_ref().is_some_and(|list| *list == own) {
                *list = None;
            }
        }
        patch
    }

    fn needs(&self) -> Spec {
        let nickname = self
            .texts
            .iter()
            .any(|(field, _)| *field == TextField::Nickname);
        if nickname || self.group_only_greetings.is_some() {
            return Spec::V3;
        }
        let only_v1 = self.texts.iter().all(|(field, _)| is_v1(*field));
        let lists = self.alternate_greetings.is_some() || self.tags.is_some();
        let nested = self.depth_prompt.is_some() || self.character_book.is_some();
        if only_v1 && !lists && !nested {
            Spec::V1
        } else {
            Spec::V2
        }
    }
}

impl Card {
    /// A new V3 card of these fields.
    ///
    /// # Errors
    /// As [`Card::apply`]; a name is required.
    pub fn create(patch: &CardPatch) -> Result<Self, CardError> {
        let document = convert::retarget(convert::nest(Map::new(), Layout::Flat), Spec::V3);
        let mut card = Self {
            document,
            layout: Layout::Nested(Spec::V3),
        };
        card.apply(patch)?;
        Ok(card)
    }

    /// Changes the fields that `patch` names. A card of an older specification is raised to the
    /// one that has the fields. On error the card is as it was.
    ///
    /// # Errors
    /// A blank name, a NUL character, a lorebook that is none, or a card grown too large.
    pub fn apply(&mut self, patch: &CardPatch) -> Result<(), CardError> {
        let patch = &patch.changing(self);
        let mut edited = self.raised_to(patch.needs());
        for (field, text) in &patch.texts {
            edited.set_text(*field, text);
        }
        edited.set_list("alternate_greetings", patch.alternate_greetings.as_deref());
        edited.set_list(
            "group_only_greetings",
            patch.group_only_greetings.as_deref(),
        );
        edited.set_list("tags", patch.tags.as_deref());
        if let Some(note) = &patch.depth_prompt {
            edited.set_depth_prompt(note.as_ref());
        }
        match &patch.character_book {
            Some(Some(book)) if !book.is_object() => return Err(CardError::BadBook),
            Some(Some(book)) => edited.set("character_book", book.clone()),
            Some(None) => edited.remove("character_book"),
            None => {}
        }
        edited.check()?;
        *self = edited;
        Ok(())
    }

    pub(super) fn raised_to(&self, spec: Spec) -> Self {
        if spec <= self.spec() {
            return self.clone();
        }
        Self {
            document: self.document_as(spec),
            layout: Layout::Nested(spec),
        }
    }

    fn check(&self) -> Result<(), CardError> {
        if self.has_no_name() {
            return Err(CardError::Nameless);
        }
        let json = self.to_own_json();
        if json.contains("\\u0000") && super::scan::scan(&json).is_err() {
            return Err(CardError::Nul);
        }
        check_size(json.len())
    }

    /// Names a card that has no name.
    pub(super) fn set_name(&mut self, name: &str) {
        self.set_text(TextField::Name, name);
    }

    /// Some writers leave the name of a V2 or V3 card empty, and have it only at the root.
    pub(super) fn take_name_from_root(&mut self) -> bool {
        let Layout::Nested(_) = self.layout else {
            return false;
        };
        let root = Fields(Some(&self.document));
        let names = ["name", "char_name"].map(|key| root.text(key).into_owned());
        let name = names.into_iter().find(|name| !name.trim().is_empty());
        let Some(name) = name.filter(|_| self.has_no_name()) else {
            return false;
        };
        self.set(TextField::Name.key(), json!(name));
        true
    }

    /// SillyTavern repeats V1 fields at the root of a V2 card; a repetition follows the edit.
    fn set_text(&mut self, field: TextField, text: &str) {
        let old = self.text(field).into_owned();
        let root_key = Layout::Flat.key(field);
        if let (Layout::Nested(_), Some(Value::String(copy))) =
            (self.layout, self.document.get_mut(root_key))
            && *copy == old
        {
            text.clone_into(copy);
        }
        self.set(self.layout.key(field), json!(text));
    }

    fn set_list(&mut self, key: &str, list: Option<&[String]>) {
        let Some(list) = list else { return };
        let old = self.fields().get(key).cloned();
        if let (Layout::Nested(_), Some(copy)) = (self.layout, self.document.get_mut(key))
            && old.as_ref() == Some(copy)
        {
            *copy = json!(list);
        }
        self.set(key, json!(list));
    }

    fn set_depth_prompt(&mut self, note: Option<&DepthPrompt>) {
        let mut extensions = self.extensions().cloned().unwrap_or_default();
        match note {
            Some(note) => {
                let slot = extensions
                    .entry("depth_prompt")
                    .or_insert_with(|| json!({}));
                if !slot.is_object() {
                    *slot = json!({});
                }
                slot["prompt"] = json!(note.text);
                slot["depth"] = json!(note.depth);
                slot["role"] = json!(note.role.as_str());
            }
            None => {
                extensions.shift_remove("depth_prompt");
            }
        }
        self.set("extensions", Value::Object(extensions));
    }

    fn set(&mut self, key: &str, value: Value) {
        if let Some(fields) = self.fields_mut() {
            fields.insert(key.to_owned(), value);
        }
    }

    fn remove(&mut self, key: &str) {
        if let Some(fields) = self.fields_mut() {
            fields.shift_remove(key);
        }
    }

    pub(super) fn fields_mut(&mut self) -> Option<&mut Map<String, Value>> {
        match self.layout {
            Layout::Nested(_) => self.document.get_mut("data").and_then(Value::as_object_mut),
            Layout::Flat | Layout::Gradio | Layout::Context => Some(&mut self.document),
        }
    }
}

/// Refuses a card of more JSON than one may have.
pub(super) fn check_size(size_bytes: usize) -> Result<(), CardError> {
    if size_bytes > MAX_DOCUMENT_BYTES {
        return Err(CardError::DocumentTooLarge {
            size_bytes,
            max_bytes: MAX_DOCUMENT_BYTES,
        });
    }
    Ok(())
}

fn is_v1(field: TextField) -> bool {
    matches!(
        field,
        TextField::Name
            | TextField::Description
            | TextField::Personality
            | TextField::Scenario
            | TextField::FirstMes
            | TextField::MesExample
            | TextField::CreatorNotes
    )
}
