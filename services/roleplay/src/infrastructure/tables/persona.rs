//! The table `personas`.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{PersonaId, UserId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "personas")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: PersonaId,
    pub(crate) user_id: UserId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
