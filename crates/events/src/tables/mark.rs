//! The table `event_marks`: times to remember, such as since when a consumer wants to know.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event_marks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) name: String,
    pub(crate) time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
