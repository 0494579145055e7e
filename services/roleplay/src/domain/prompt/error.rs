//! Why a prompt can't be fitted.

use std::fmt::Write;

use crate::domain::macros::Outgrown;

/// The prompt doesn't fit the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// The reply alone fills the window.
    #[error(
        "the reply can have {max_reply_tokens} tokens, but the model's window has only {window_tokens}; \
         ask for a shorter reply or choose a model with a larger window"
    )]
    NoRoom {
        /// Kept free for the reply.
        max_reply_tokens: u32,
        /// The model's window.
        window_tokens: u32,
    },
    /// What can't be left out is too long.
    #[error(
        "the prompt needs {needed_tokens} tokens without any earlier message, but only {available_tokens} \
         are available; shorten {} or choose a model with a larger window",
        list(biggest)
    )]
    TooLarge {
        /// Tokens of the fixed parts and the newest message.
        needed_tokens: u32,
        /// Tokens beside the reply.
        available_tokens: u32,
        /// The largest parts and their tokens, largest first.
        biggest: Vec<(String, u32)>,
    },
    /// Macros stand for too much.
    #[error(
        "macros would add {added_bytes} bytes to the texts, {} more than the {max_bytes} that they may add; \
         take some out, such as {{{{description}}}} in the lorebook, or shorten what they stand for",
        added_bytes.saturating_sub(*max_bytes)
    )]
    Outgrown {
        /// Bytes that they would add, at least.
        added_bytes: usize,
        /// The most that they may.
        max_bytes: usize,
    },
}

impl From<Outgrown> for FitError {
    fn from(outgrown: Outgrown) -> Self {
        let Outgrown {
            added_bytes,
            max_bytes,
        } = outgrown;
        Self::Outgrown {
            added_bytes,
            max_bytes,
        }
    }
}

fn list(parts: &[(String, u32)]) -> String {
    let mut list = String::new();
    for (place, (part, tokens)) in parts.iter().enumerate() {
        let separator = if place == 0 { "" } else { ", " };
        // Writing to a string can't fail.
        let _ = write!(list, "{separator}{part} ({tokens})");
    }
    list
}
