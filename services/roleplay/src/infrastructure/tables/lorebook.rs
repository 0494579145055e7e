//! The table `lorebooks`: those that stand by themselves.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{LorebookId, UserId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "lorebooks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: LorebookId,
    pub(crate) user_id: UserId,
    /// The book's JSON: the truth, unknown fields included.
    pub(crate) document: String,
    pub(crate) document_bytes: i64,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
