//! The table `inbox`: which events had their effect on which consumer.

use platform::Timestamp;
use platform::id::EventId;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) consumer: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) event_id: EventId,
    /// When, or [`KEPT`].
    pub(crate) time: Timestamp,
}

/// The time of a note that is kept for good: its event can be told again at any time.
pub(crate) const KEPT: Timestamp = Timestamp::from_micros(i64::MAX);

impl ActiveModelBehavior for ActiveModel {}
