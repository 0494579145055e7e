//! The table `bookmarks`.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{BookmarkId, MessageId, SessionId, UserId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "bookmarks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: BookmarkId,
    pub(crate) user_id: UserId,
    pub(crate) session_id: SessionId,
    pub(crate) message_id: MessageId,
    pub(crate) title: String,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
