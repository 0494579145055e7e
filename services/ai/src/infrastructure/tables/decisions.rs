//! How routes chose: one row for each generation that asked for one.

use platform::id::{GenerationId, UserId};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "decisions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) generation_id: GenerationId,
    pub(crate) user_id: UserId,
    pub(crate) route_id: String,
    /// JSON.
    pub(crate) candidates: String,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
