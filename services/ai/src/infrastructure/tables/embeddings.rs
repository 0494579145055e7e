//! What each call took that turned texts into vectors at a server.

use platform::Timestamp;
use platform::id::UserId;
use sea_orm::entity::prelude::*;

use crate::domain::usage::EmbeddingId;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "embeddings")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: EmbeddingId,
    /// Absent for the platform's own calls.
    pub(crate) user_id: Option<UserId>,
    pub(crate) model_id: String,
    pub(crate) texts: i64,
    pub(crate) tokens: i64,
    /// Pico-USD for a token; absent if no price was known.
    pub(crate) price: Option<i64>,
    pub(crate) cost_pico_usd: i64,
    /// True where the provider gave no figures.
    pub(crate) estimated: bool,
    pub(crate) create_time: Timestamp,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
