//! Memories on their way into a prompt, and what the receipt says of them.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Form, Material, Source, piece::Piece};
use crate::domain::{
    macros::{Macros, Purpose},
    role::Role,
};

/// The line that opens the section.
const MEMORY_START: &str = "[Past events, as they are remembered]";

/// A memory that may be recalled.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// The memory's id.
    pub id: String,
    /// The message that it comes from; none for a note.
    pub message_id: Option<String>,
    /// The text; the macros of a note are expanded.
    pub text: String,
    /// A pinned one needs no likeness.
    pub pinned: bool,
    /// How near it is to the last messages, at most 1; none where nobody asked.
    pub score: Option<f32>,
}

impl Recalled {
    pub(super) fn is_in(&self, said: &HashSet<&str>) -> bool {
        let message = self.message_id.as_deref();
        message.is_some_and(|id| said.contains(id))
    }
}

/// How memories are recalled. Lengths are in tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemorySettings {
    /// What memories that aren't pinned may take of the window, in percent.
    pub budget_percent: u32,
    /// However large the window.
    pub max_tokens: u32,
    /// How near a memory must be.
    pub min_score: f32,
    /// Most memories that aren't pinned.
    pub max_recalled: usize,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self {
            budget_percent: 10,
            max_tokens: 2_048,
            min_score: 0.3,
            max_recalled: 8,
        }
    }
}

/// Whether the memories of a prompt were searched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Recall {
    /// Memory is switched off.
    #[default]
    Off,
    /// The whole history is in the prompt.
    NotNeeded,
    /// They were.
    Recalled,
    /// They couldn't be; only pinned ones are known.
    Unavailable {
        /// Why, for people.
        problem: String,
    },
}

/// Why a memory is in a prompt, or isn't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// In: it is pinned.
    Pinned,
    /// In: it is near.
    Recalled,
    /// Out: the history has its message.
    InHistory,
    /// Out: it isn't near enough.
    LowScore,
    /// Out: there are enough that are nearer.
    OverCount,
    /// Out: the budget is used up.
    OverBudget,
    /// Out: it is pinned, and the window has no room for it.
    NoRoom,
}

impl Outcome {
    /// Whether the memory is in the prompt.
    #[must_use]
    pub fn is_in(self) -> bool {
        matches!(self, Self::Pinned | Self::Recalled)
    }

    /// The outcome's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Recalled => "recalled",
            Self::InHistory => "in_history",
            Self::LowScore => "low_score",
            Self::OverCount => "over_count",
            Self::OverBudget => "over_budget",
            Self::NoRoom => "no_room",
        }
    }
}

/// What became of a memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryTrace {
    /// The memory's id.
    pub id: String,
    /// The message that it comes from.
    pub message_id: Option<String>,
    /// Whether it is pinned.
    pub pinned: bool,
    /// How near it is.
    pub score: Option<f32>,
    /// Why it is in the prompt, or isn't.
    pub outcome: Outcome,
    /// Tokens of its text.
    pub tokens: u32,
}

/// What a prompt recalls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryReport {
    /// Whether memories were searched.
    #[serde(flatten)]
    pub recall: Recall,
    /// Tokens that memories could take beside the pinned ones.
    pub budget_tokens: u32,
    /// All that were given, in their order.
    pub memories: Vec<MemoryTrace>,
}

/// Memories in the words that may be sent.
pub(super) struct Memories<'a> {
    /// Opens the section; none if there are no memories.
    pub(super) start: Option<Piece<'a>>,
    /// One for each memory of the material; none where its text is blank.
    pub(super) pieces: Vec<Option<Piece<'a>>>,
}

impl<'a> Memories<'a> {
    pub(super) fn of(material: &Material<'a>, form: Form, macros: &Macros<'a>) -> Self {
        // As in the history: what is said again with every turn stays as it was.
        let macros = Macros {
            seed: material.session_seed,
            ..macros.clone()
        };
        let piece = |memory: &Recalled| {
            // What was said had its macros resolved then.
            let text = match memory.message_id {
                Some(_) => Cow::Borrowed(&*memory.text),
                None => macros.render(&memory.text, Purpose::Prompt),
            };
            let source = Source::Memory {
                id: memory.id.clone(),
            };
            Piece::section(form, source, Role::System, &text)
        };
        let pieces: Vec<_> = material.memories.iter().map(piece).collect();
        let start = pieces.iter().any(Option::is_some).then(|| {
            let source = Source::MemoryStart;
            Piece::section(form, source, Role::System, MEMORY_START)
        });
        Self {
            start: start.flatten(),
            pieces,
        }
    }

    /// What counting tokens has to know.
    pub(super) fn all(&self) -> impl Iterator<Item = &Piece<'a>> {
        self.start.iter().chain(self.pieces.iter().flatten())
    }
}
