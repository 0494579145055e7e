//! Typed, read-only views over the card's document.

use std::borrow::Cow;

use serde_json::Value;

use super::{Card, TextField, Warning, layout::Layout};
use crate::domain::{
    lenient::{self, Fields},
    lorebook::Lorebook,
    name,
    role::Role,
};

/// The character's note: a text that is put into the history at a depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepthPrompt {
    /// The text, macros not expanded.
    pub text: String,
    /// Messages between the note and the end of the history.
    pub depth: u32,
    /// Who speaks it.
    pub role: Role,
}

impl Card {
    /// A text field; empty where the card doesn't have it.
    #[must_use]
    pub fn text(&self, field: TextField) -> Cow<'_, str> {
        let text = self.fields().text(self.layout.key(field));
        if text.is_empty() && self.layout == Layout::Flat && field == TextField::CreatorNotes {
            return self.fields().text(field.key());
        }
        text
    }

    /// The character's name; never blank.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        self.text(TextField::Name)
    }

    /// Whether nobody would see its name.
    pub(super) fn has_no_name(&self) -> bool {
        name::is_blank(&self.name())
    }

    /// What `{{char}}` stands for: the nickname, or else the name; on one line.
    #[must_use]
    pub fn display_name(&self) -> Cow<'_, str> {
        let nickname = self.text(TextField::Nickname);
        let name = match name::is_blank(&nickname) {
            true => self.name(),
            false => nickname,
        };
        match name {
            Cow::Borrowed(name) => name::spoken(name),
            Cow::Owned(name) => Cow::Owned(name::spoken(&name).into_owned()),
        }
    }

    /// The first message and its alternates, without blank ones, macros not yet expanded.
    #[must_use]
    pub fn greetings(&self) -> Vec<Cow<'_, str>> {
        let first = std::iter::once(self.text(TextField::FirstMes));
        first
            .chain(self.alternate_greetings())
            .filter(|text| !text.trim().is_empty())
            .collect()
    }

    /// Other first messages, macros not yet expanded.
    #[must_use]
    pub fn alternate_greetings(&self) -> Vec<Cow<'_, str>> {
        self.fields().texts("alternate_greetings")
    }

    /// Greetings that are only meant for chats with several characters.
    #[must_use]
    pub fn group_only_greetings(&self) -> Vec<Cow<'_, str>> {
        self.fields().texts("group_only_greetings")
    }

    /// The greetings with which it enters a chat with several characters: those that are meant for it, or else the others. SillyTavern's
    /// extension for such greetings has its own place for them.
    #[must_use]
    pub fn group_greetings(&self) -> Vec<Cow<'_, str>> {
        let of_extension = self.fields().object("extensions").texts("group_greetings");
        let own = self.group_only_greetings().into_iter().chain(of_extension);
        let own: Vec<_> = own.filter(|text| !text.trim().is_empty()).collect();
        match own.is_empty() {
            true => self.greetings(),
            false => own,
        }
    }

    /// How willing it is to speak among several, from 0 to 1, if it says so.
    #[must_use]
    pub fn talkativeness(&self) -> Option<f64> {
        let of_extensions = self.fields().object("extensions").number("talkativeness");
        let at_root = Fields(Some(&self.document)).number("talkativeness");
        let said = of_extensions.or(at_root).filter(|it| it.is_finite());
        said.map(|it| it.clamp(0.0, 1.0))
    }

    /// Tags, for finding.
    #[must_use]
    pub fn tags(&self) -> Vec<Cow<'_, str>> {
        match self.fields().get("tags") {
            Some(Value::String(list)) => list
                .split(',')
                .map(str::trim)
                .filter(|tag| !tag.is_empty())
                .map(Cow::Borrowed)
                .collect(),
            Some(other) => lenient::texts(other),
            None => Vec::new(),
        }
    }

    /// The character's note, if it has a text.
    #[must_use]
    pub fn depth_prompt(&self) -> Option<DepthPrompt> {
        let note = self.fields().object("extensions").object("depth_prompt");
        let text = note.text("prompt");
        if text.trim().is_empty() {
            return None;
        }
        Some(DepthPrompt {
            text: text.into_owned(),
            depth: note.count("depth").unwrap_or(4),
            role: note
                .get("role")
                .and_then(Role::read)
                .unwrap_or(Role::System),
        })
    }

    /// The character's lorebook, parsed.
    #[must_use]
    pub fn character_book(&self) -> Option<Lorebook> {
        Lorebook::from_json(self.character_book_json()?)
    }

    /// The character's lorebook as it stands in the document.
    #[must_use]
    pub fn character_book_json(&self) -> Option<&Value> {
        self.fields()
            .get("character_book")
            .filter(|book| book.is_object())
    }

    /// The character's `extensions` as they stand in the document.
    #[must_use]
    pub fn extensions(&self) -> Option<&serde_json::Map<String, Value>> {
        self.fields().object("extensions").0
    }

    /// The object that holds the card's fields.
    pub(super) fn fields(&self) -> Fields<'_> {
        match self.layout {
            Layout::Nested(_) => Fields(self.document.get("data").and_then(Value::as_object)),
            Layout::Flat | Layout::Gradio | Layout::Context => Fields(Some(&self.document)),
        }
    }

    /// Whether it says nothing but a name.
    pub(super) fn is_bare(&self) -> bool {
        let texts = TextField::ALL.iter().skip(1);
        let has_text = texts
            .map(|field| self.text(*field))
            .any(|text| !text.trim().is_empty());
        !has_text && self.greetings().is_empty() && self.character_book_json().is_none()
    }

    /// Known fields whose type is not the specification's.
    pub(super) fn odd_types(&self) -> Vec<Warning> {
        let fields = self.fields();
        let mut odd = Vec::new();
        for field in TextField::ALL {
            let key = self.layout.key(field);
            if fields.get(key).is_some_and(|value| !value.is_string()) {
                odd.push(key);
            }
        }
        for key in ["alternate_greetings", "group_only_greetings", "tags"] {
            if fields.get(key).is_some_and(|value| !value.is_array()) {
                odd.push(key);
            }
        }
        for key in ["character_book", "extensions"] {
            if fields.get(key).is_some_and(|value| !value.is_object()) {
                odd.push(key);
            }
        }
        odd.into_iter()
            .map(|field| Warning::OddType { field })
            .collect()
    }
}
