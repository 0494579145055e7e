//! What a prompt was made of: enough to explain it, and to compile it again.

use serde::{Deserialize, Serialize};

use super::{Kind, MemoryReport, Settings};
use crate::domain::{
    lorebook::{Placement, Reason},
    macros::Moment,
    role::Role,
};

/// Where a part of a prompt comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "source")]
pub enum Source {
    /// The system prompt, the card's or else the person's.
    SystemPrompt {
        /// The card's rather than the person's.
        from_card: bool,
    },
    /// The persona's description.
    Persona,
    /// The card's description.
    Description,
    /// The card's personality.
    Personality,
    /// The scenario, the session's or else the card's.
    Scenario,
    /// A lorebook entry, by its place in the book.
    Lore {
        /// Its place in the book.
        entry: usize,
    },
    /// The line that opens an example dialogue.
    ExampleStart {
        /// Its place among the dialogues.
        block: usize,
    },
    /// A part of an example dialogue.
    Example {
        /// Its place among the dialogues.
        block: usize,
    },
    /// The line that opens the memories.
    MemoryStart,
    /// A memory.
    Memory {
        /// The memory's id.
        id: String,
    },
    /// The line that opens the history.
    ChatStart,
    /// A message of the history.
    Message {
        /// The message's id.
        id: String,
    },
    /// The character's note.
    CharacterNote,
    /// A note of the scenario's author.
    AuthorNote {
        /// Its place among them.
        place: usize,
    },
    /// The text behind the history, the card's or else the person's.
    PostHistory {
        /// The card's rather than the person's.
        from_card: bool,
    },
    /// What tells a model whose turn it is, where there are several characters.
    Nudge,
    /// What a model is told that writes in the person's place.
    Impersonation,
    /// The name that the model goes on from.
    Cue,
}

impl Source {
    /// The source's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::SystemPrompt { .. } => "system_prompt",
            Self::Persona => "persona",
            Self::Description => "description",
            Self::Personality => "personality",
            Self::Scenario => "scenario",
            Self::Lore { .. } => "lore",
            Self::ExampleStart { .. } => "example_start",
            Self::Example { .. } => "example",
            Self::MemoryStart => "memory_start",
            Self::Memory { .. } => "memory",
            Self::ChatStart => "chat_start",
            Self::Message { .. } => "message",
            Self::CharacterNote => "character_note",
            Self::AuthorNote { .. } => "author_note",
            Self::PostHistory { .. } => "post_history_instructions",
            Self::Nudge => "nudge",
            Self::Impersonation => "impersonation",
            Self::Cue => "cue",
        }
    }

    /// Which of its kind: the id of a message or a memory, the place of an example. That of a lorebook entry is in its trace.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Message { id } | Self::Memory { id } => Some(id.clone()),
            Self::ExampleStart { block } | Self::Example { block } => Some(block.to_string()),
            Self::AuthorNote { place } => Some(place.to_string()),
            _ => None,
        }
    }
}

/// A part of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Where it comes from.
    #[serde(flatten)]
    pub source: Source,
    /// Who speaks.
    pub role: Role,
    /// In chat form the message that holds it, in text form its first byte.
    pub position: usize,
    /// Tokens of its text.
    pub tokens: u32,
    /// Bytes of its text.
    pub size_bytes: usize,
}

/// What became of a lorebook entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoreTrace {
    /// Its place in the book.
    pub entry: usize,
    /// The id that the book gives it.
    pub id: Option<String>,
    /// The book's id; none in receipts from before books had any.
    #[serde(default)]
    pub book: Option<String>,
    /// Its comment, name or first key.
    pub title: String,
    /// Why it fired, or didn't.
    #[serde(flatten)]
    pub reason: Reason,
    /// The message in which its key was found.
    pub message_id: Option<String>,
    /// Where its text went, if it fired.
    pub placement: Option<Placement>,
    /// Tokens of its text, if it fired.
    pub tokens: u32,
}

/// The receipt of a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The parts in their order.
    pub spans: Vec<Span>,
    /// Every entry of the lorebook in its order.
    pub lore: Vec<LoreTrace>,
    /// Tokens that lore could take.
    pub lore_budget_tokens: u32,
    /// What became of memories; receipts from before there were any have no such part.
    #[serde(default)]
    pub memory: MemoryReport,
    /// Messages of the path that didn't fit or weren't given.
    pub dropped_messages: usize,
    /// Example dialogues that didn't fit.
    pub dropped_examples: usize,
    /// Tokens of the whole prompt, as counted when it was fitted.
    pub prompt_tokens: u32,
    /// What the model was to do.
    pub kind: Kind,
    /// Chance of this prompt.
    pub seed: u64,
    /// Chance of the session.
    pub session_seed: u64,
    /// The time that macros saw.
    pub now: Option<Moment>,
    /// The idle time that macros saw.
    pub idle_secs: Option<u64>,
    /// The model that it was compiled for.
    pub model: String,
    /// How it was built.
    pub settings: Settings,
}

impl Receipt {
    /// Leaves out what would tell of a card or a scenario that isn't shown: its lore, by names, keys and whether it is found.
    pub fn conceal_lore(&mut self) {
        self.lore.clear();
        let is_told = |span: &Span| !matches!(span.source, Source::Lore { .. });
        self.spans.retain(is_told);
    }
}
