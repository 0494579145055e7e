//! The table `memories`: what sessions remember. What of it is derived, the vectors, is in another store.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{MemoryId, MessageId, SessionId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "memories")]
pub(crate) struct Model {
    /// A message's memory has the message's UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: MemoryId,
    pub(crate) session_id: SessionId,
    /// None for a note.
    pub(crate) message_id: Option<MessageId>,
    /// None where it is what the message says.
    pub(crate) text: Option<String>,
    pub(crate) pinned: bool,
    pub(crate) disabled: bool,
    /// A person deleted it. The row stays, so that the message isn't remembered again.
    pub(crate) forgotten: bool,
    /// The model whose vector of it is stored.
    pub(crate) embedded_model: Option<String>,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
    /// `text` as searches see it; none where there is none, and from a release before migration 0008.
    pub(crate) search_text: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
