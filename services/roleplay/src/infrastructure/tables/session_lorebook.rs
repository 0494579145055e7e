//! The table `session_lorebooks`: the lorebooks that scenarios brought into sessions.

use sea_orm::entity::prelude::*;

use crate::domain::ids::{LorebookId, SessionId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "session_lorebooks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) session_id: SessionId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) lorebook_id: LorebookId,
    /// Lower ones come first.
    pub(crate) place: i32,
}

impl ActiveModelBehavior for ActiveModel {}
