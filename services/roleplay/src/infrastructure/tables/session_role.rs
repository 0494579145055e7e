//! The table `session_roles`: the roles of scenarios that sessions were started from. Who plays them is in `cast_members`.

use sea_orm::entity::prelude::*;

use crate::domain::ids::SessionId;

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
    /// What the character was called that filled it at the start.
    pub(crate) character_name: String,
}

impl ActiveModelBehavior for ActiveModel {}
