//! The table `branches`.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{BranchId, MessageId, SessionId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "branches")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: BranchId,
    pub(crate) session_id: SessionId,
    pub(crate) title: String,
    pub(crate) head_message_id: Option<MessageId>,
    pub(crate) create_time: Timestamp,
    /// None from a release before 0006.
    pub(crate) update_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
