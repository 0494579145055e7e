//! The table `session_roles`: the casts of sessions that were started from scenarios.

use sea_orm::entity::prelude::*;

use crate::domain::ids::{CharacterId, SessionId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "session_roles")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) session_id: SessionId,
    /// Lower ones come first.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) place: i32,
    pub(crate) name: String,
    pub(crate) description: String,
    /// None while it is open.
    pub(crate) character_id: Option<CharacterId>,
    pub(crate) character_name: String,
}

impl ActiveModelBehavior for ActiveModel {}
