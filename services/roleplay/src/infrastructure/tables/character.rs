//! The table `characters`.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{CharacterId, UserId};
use crate::domain::sharing::{Rating, Visibility};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "characters")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: CharacterId,
    pub(crate) user_id: UserId,
    pub(crate) name: String,
    pub(crate) search_text: String,
    /// The card's JSON: the truth, unknown fields included.
    pub(crate) document: String,
    pub(crate) document_bytes: i64,
    pub(crate) has_avatar: bool,
    /// Empty where it has no picture, and where the picture is older than versions.
    pub(crate) avatar_version: String,
    pub(crate) visibility: Visibility,
    pub(crate) shown: bool,
    pub(crate) rating: Rating,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
