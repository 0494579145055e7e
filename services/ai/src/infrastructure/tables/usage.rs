//! What each generation took: one row for each generation id, written at its end.

use platform::Timestamp;
use platform::id::{GenerationId, UserId};
use sea_orm::entity::prelude::*;

use crate::domain::Outcome;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) generation_id: GenerationId,
    pub(crate) user_id: UserId,
    pub(crate) model_id: String,
    pub(crate) provider: String,
    pub(crate) prompt_tokens: i64,
    pub(crate) cached_tokens: i64,
    pub(crate) cache_written_tokens: i64,
    pub(crate) completion_tokens: i64,
    /// Those of the completion's that were thoughts.
    pub(crate) reasoning_tokens: i64,
    pub(crate) cost_pico_usd: i64,
    /// Pico-USD for a token; absent, as the two below, if no price was known.
    pub(crate) prompt_price: Option<i64>,
    pub(crate) cached_price: Option<i64>,
    /// Absent in rows of older releases too, as that of thoughts.
    pub(crate) cache_write_price: Option<i64>,
    pub(crate) completion_price: Option<i64>,
    pub(crate) reasoning_price: Option<i64>,
    /// True where the provider gave no figures.
    pub(crate) estimated: bool,
    pub(crate) outcome: Outcome,
    pub(crate) create_time: Timestamp,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
