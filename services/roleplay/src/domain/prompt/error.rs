//! Why a prompt can't be fitted.

use std::fmt::Write;

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
