//! The table `dead_letters`: events that a consumer could not handle, where events are dispatched in the process.

use platform::Timestamp;
use platform::id::EventId;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letters")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) consumer: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) event_id: EventId,
    pub(crate) type_name: String,
    pub(crate) subject: String,
    pub(crate) key: String,
    pub(crate) time: Timestamp,
    pub(crate) payload: Vec<u8>,
    pub(crate) request_id: String,
    pub(crate) traceparent: String,
    pub(crate) problem: String,
    pub(crate) tries: i32,
    pub(crate) dead_time: Timestamp,
    /// When somebody asked for another try.
    pub(crate) replay_time: Option<Timestamp>,
    pub(crate) is_retold: bool,
}

impl ActiveModelBehavior for ActiveModel {}
