//! A part of a prompt on its way: a text with its source, in the words that will be sent.

use std::borrow::Cow;

use super::{Form, Source};
use crate::domain::role::Role;

#[derive(Debug, Clone)]
pub(super) struct Piece<'a> {
    pub(super) source: Source,
    pub(super) role: Role,
    /// The `name` of a chat message.
    pub(super) name: Option<String>,
    pub(super) text: Cow<'a, str>,
}

impl<'a> Piece<'a> {
    /// A section of the prompt; none if the text is blank.
    pub(super) fn section(form: Form, source: Source, role: Role, text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let text = match form {
            Form::Chat => text.to_owned(),
            Form::Text => format!("{text}\n"),
        };
        Some(Self {
            source,
            role,
            name: None,
            text: Cow::Owned(text),
        })
    }

    pub(super) fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}
