//! The table `share_links`. Tokens aren't stored: they are signed.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{CharacterId, ScenarioId, ShareLinkId, UserId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "share_links")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: ShareLinkId,
    pub(crate) user_id: UserId,
    /// One of the two.
    pub(crate) character_id: Option<CharacterId>,
    pub(crate) scenario_id: Option<ScenarioId>,
    pub(crate) title: String,
    pub(crate) create_time: Timestamp,
    pub(crate) expire_time: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
