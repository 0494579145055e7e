//! Who a piece of a prompt speaks as.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lenient;

/// The three roles that chat models know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions and narration.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The role's name on the wire of every provider.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    /// Reads a role as cards write it: a word, or SillyTavern's 0, 1 and 2.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        match lenient::text(value).trim().to_ascii_lowercase().as_str() {
            "system" | "0" => Some(Self::System),
            "user" | "1" => Some(Self::User),
            "assistant" | "2" => Some(Self::Assistant),
            _ => None,
        }
    }
}
