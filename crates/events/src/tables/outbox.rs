//! The table `outbox`: events that were told. A row's number says when it was written, not when it was committed.

use platform::Timestamp;
use platform::id::EventId;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) seq: i64,
    pub(crate) event_id: EventId,
    pub(crate) type_name: String,
    pub(crate) subject: String,
    pub(crate) key: String,
    pub(crate) time: Timestamp,
    pub(crate) payload: Vec<u8>,
    pub(crate) request_id: String,
    pub(crate) traceparent: String,
    /// When the transport had it for sure.
    pub(crate) sent_time: Option<Timestamp>,
    /// Whether it was told before, at its own time.
    pub(crate) is_retold: bool,
}

impl ActiveModelBehavior for ActiveModel {}
