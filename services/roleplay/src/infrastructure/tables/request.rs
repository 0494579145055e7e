//! The table `requests`: what requests with an id have made, so that a repeat makes nothing more.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::UserId;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "requests")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) method: String,
    /// Id of what the made thing is in; empty for the person's own.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) parent: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) request_id: String,
    pub(crate) request_hash: Vec<u8>,
    /// Id of what was made.
    pub(crate) made: String,
    pub(crate) create_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
