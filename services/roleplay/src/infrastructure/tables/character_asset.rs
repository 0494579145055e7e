//! The table `character_assets`.

use sea_orm::entity::prelude::*;

use crate::domain::ids::{AssetFileId, AssetId, CharacterId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "character_assets")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: AssetId,
    pub(crate) character_id: CharacterId,
    /// Its place in the card's list.
    pub(crate) place: i32,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) extension: String,
    pub(crate) uri: String,
    pub(crate) file_id: AssetFileId,
    pub(crate) media_type: String,
    pub(crate) size_bytes: i64,
}

impl ActiveModelBehavior for ActiveModel {}
