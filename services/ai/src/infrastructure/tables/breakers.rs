//! Models whose circuit breakers aren't closed, as a process last saw them.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "breakers")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) model_id: String,
    /// The kind of failure that opened it, or `slow`.
    pub(crate) cause: String,
    /// When it is asked again.
    pub(crate) until_time: Timestamp,
    pub(crate) change_time: Timestamp,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
