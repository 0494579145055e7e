//! The table `cast_members`: the characters of sessions that have several, or that say something of their one, such as its role.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{CharacterId, SessionId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "cast_members")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) session_id: SessionId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) character_id: CharacterId,
    /// Its place among the others; no two of a session have the same.
    pub(crate) position: i32,
    pub(crate) name: String,
    /// The role of the session's scenario that it plays; empty for none.
    pub(crate) role: String,
    pub(crate) muted: bool,
    /// None for what the card says.
    pub(crate) talkativeness: Option<f32>,
    /// A list of names as JSON.
    pub(crate) aliases: String,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
