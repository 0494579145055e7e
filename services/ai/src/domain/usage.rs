//! What a generation took, and how it ended.

use std::time::Duration;

use platform::Timestamp;
use platform::id::{GenerationId, UserId};
use sea_orm::{DeriveActiveEnum, EnumIter};

use super::Prices;
use super::decision::Trail;

/// Tokens that a generation took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TokenUsage {
    /// Tokens of the prompt, the cached ones included.
    pub(crate) prompt: u32,
    /// Tokens of the prompt that the provider had from before.
    pub(crate) cached: u32,
    /// Tokens of the prompt that the provider keeps for later from now on.
    pub(crate) cache_written: u32,
    /// Tokens that were generated, the thoughts included.
    pub(crate) completion: u32,
    /// Tokens of thoughts.
    pub(crate) reasoning: u32,
}

/// Why a model came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FinishReason {
    /// The model, or a stop text, ended it.
    Stop,
    /// It reached the most tokens.
    Length,
    /// The provider's filter ended it.
    ContentFilter,
}

/// How a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The model, or a stop text, ended it.
    Stop,
    /// It reached the most tokens.
    Length,
    /// The provider's filter ended it.
    ContentFilter,
    /// The caller went away.
    Cancelled,
    /// The provider failed after it had begun.
    Interrupted,
}

impl From<FinishReason> for Outcome {
    fn from(reason: FinishReason) -> Self {
        match reason {
            FinishReason::Stop => Self::Stop,
            FinishReason::Length => Self::Length,
            FinishReason::ContentFilter => Self::ContentFilter,
        }
    }
}

platform::id!(
    /// A call that turned texts into vectors.
    pub(crate) EmbeddingId, "emb"
);

/// A line of the ledger of embeddings: what one call took at a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmbeddingRecord {
    pub(crate) id: EmbeddingId,
    /// For whom; absent for the platform's own.
    pub(crate) user_id: Option<UserId>,
    pub(crate) model_id: String,
    pub(crate) texts: usize,
    pub(crate) tokens: u32,
    /// Pico-USD for a token; absent if no price is known.
    pub(crate) price: Option<i64>,
    pub(crate) cost_pico_usd: i64,
    /// True where the provider gave no figures.
    pub(crate) estimated: bool,
    pub(crate) create_time: Timestamp,
}

/// What the ledger gets to know of a generation at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) generation_id: GenerationId,
    pub(crate) user_id: UserId,
    /// What is charged for; absent for nothing.
    pub(crate) record: Option<UsageRecord>,
    /// What happened before.
    pub(crate) trail: Trail,
    /// When it ended.
    pub(crate) create_time: Timestamp,
}

impl Entry {
    /// Whether there is nothing to write down.
    pub(crate) fn is_empty(&self) -> bool {
        self.record.is_none() && self.trail.failed.is_empty()
    }
}

/// What a model took that is charged for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsageRecord {
    pub(crate) model_id: String,
    pub(crate) provider: String,
    pub(crate) tokens: TokenUsage,
    /// The prices that it was charged by; absent if none were known.
    pub(crate) prices: Option<Prices>,
    pub(crate) cost_pico_usd: i64,
    /// True where the provider gave no figures.
    pub(crate) estimated: bool,
    pub(crate) outcome: Outcome,
    /// How long its first text took; absent if none came.
    pub(crate) first_token: Option<Duration>,
}
