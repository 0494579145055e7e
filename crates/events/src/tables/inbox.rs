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
    pub(crate) time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
