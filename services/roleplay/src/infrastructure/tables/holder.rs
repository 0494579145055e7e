//! The table `holders`: the processes that run generations, where several share the database.

use sea_orm::entity::prelude::*;

use crate::domain::ids::HolderId;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "holders")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: HolderId,
    pub(crate) beats: i64,
}

impl ActiveModelBehavior for ActiveModel {}
