//! The table `character_lorebooks`: which lorebooks are attached to which characters.

use sea_orm::entity::prelude::*;

use crate::domain::ids::{CharacterId, LorebookId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "character_lorebooks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) character_id: CharacterId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) lorebook_id: LorebookId,
    /// Lower ones come first.
    pub(crate) place: i32,
}

impl ActiveModelBehavior for ActiveModel {}
