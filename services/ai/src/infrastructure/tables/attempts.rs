//! Tries that failed before the first text: a row for each. The one that wrote is the row of `usage` with the same generation.

use platform::Timestamp;
use platform::id::{GenerationId, UserId};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attempts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) generation_id: GenerationId,
    /// When the last of its tries ended: a generation may be asked for once more, with a shorter prompt.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) create_time: Timestamp,
    /// Which of the tries it was.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) number: i32,
    pub(crate) user_id: UserId,
    pub(crate) model_id: String,
    pub(crate) provider: String,
    /// A name of the contract's reasons.
    pub(crate) reason: String,
    pub(crate) prompt_tokens: i64,
    pub(crate) cached_tokens: i64,
    pub(crate) cache_written_tokens: i64,
    pub(crate) completion_tokens: i64,
    pub(crate) reasoning_tokens: i64,
    /// What the provider takes for it, which nobody is charged for.
    pub(crate) cost_pico_usd: i64,
    pub(crate) estimated: bool,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
