//! Why an entry fired, or didn't: what the receipt says of each.

use serde::{Deserialize, Serialize};

use super::Problem;

/// Where a key was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// In a message; 0 is the newest.
    Message(usize),
    /// In the text of another entry, by its place in the book.
    Entry(usize),
    /// In a text of the card or the persona.
    Field(String),
}

/// The fate of one entry in one scan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Reason {
    /// Fired: it always does.
    Constant,
    /// Fired: the decorator `@@activate`.
    Forced,
    /// Fired: this key was found there.
    Key {
        /// The key as the book writes it.
        key: String,
        /// Where it was found.
        found: Found,
    },
    /// Switched off in the book.
    Disabled,
    /// Has no text.
    EmptyContent,
    /// For other kinds of generation.
    OtherTrigger,
    /// The chat has fewer messages than it waits for.
    TooEarly {
        /// Messages that the chat must have.
        needs_messages: u32,
    },
    /// Its turn condition (`@@activate_only_after`, `@@activate_only_every`) isn't met.
    NotThisTurn,
    /// Only found through other entries, and none led to it.
    WaitsForRecursion,
    /// The decorator `@@dont_activate`.
    Suppressed,
    /// No key was found.
    NoKeyMatched,
    /// No key can ever be found: all are empty.
    NoUsableKey,
    /// No key was found, and this pattern couldn't be looked for.
    PatternFailed {
        /// The key as the book writes it.
        key: String,
        /// Why it couldn't.
        problem: Problem,
    },
    /// An excluding key was found.
    Excluded {
        /// The key as the book writes it.
        key: String,
    },
    /// A key was found, but the secondary keys don't agree.
    SecondaryNotMet {
        /// The key as the book writes it.
        key: String,
    },
    /// Another entry of its group is active.
    LostGroup {
        /// The group.
        group: String,
    },
    /// Chance was against it.
    LostRoll {
        /// Percent.
        rolled: f64,
        /// Percent.
        probability: f64,
    },
    /// The book's budget was used up.
    OverBudget {
        /// Tokens of the entry.
        tokens: u32,
        /// Tokens of those before it.
        used: u32,
        /// Tokens for all.
        budget: u32,
    },
    /// It goes where nothing in this prompt takes it.
    NoPlace,
}

impl Reason {
    /// Whether the entry fired.
    #[must_use]
    pub fn fired(&self) -> bool {
        matches!(self, Self::Constant | Self::Forced | Self::Key { .. })
    }
}
