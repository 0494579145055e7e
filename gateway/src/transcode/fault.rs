//! What is wrong with a request, and where.

use std::borrow::Cow;

use crate::json::SyntaxError;

/// A request that can't be transcoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// From the request message down to the field, as the client spelled it; empty for the request as a whole.
    pub(crate) path: String,
    /// What is wrong, without the path.
    pub(crate) reason: Cow<'static, str>,
    /// Whether it is wrong with the text, which isn't the value of any field. The reason is then a whole sentence.
    pub(super) is_of_text: bool,
}

impl Fault {
    /// A fault of a value whose place callers add by [`Self::within`].
    pub(crate) fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            path: String::new(),
            reason: reason.into(),
            is_of_text: false,
        }
    }

    /// The same fault, seen from the message that holds `field`.
    pub(crate) fn within(mut self, field: &str) -> Self {
        if self.is_of_text {
            return self;
        }
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{field}{dot}{}", self.path);
        self
    }

    /// The same fault, seen from the list or map that holds the element.
    pub(crate) fn at(self, key: impl std::fmt::Display) -> Self {
        self.within(&format!("[{key}]"))
    }
}

impl From<SyntaxError> for Fault {
    fn from(error: SyntaxError) -> Self {
        let SyntaxError { at, reason } = error;
        Self {
            is_of_text: true,
            ..Self::new(format!("the JSON text is malformed at byte {at}: {reason}"))
        }
    }
}
