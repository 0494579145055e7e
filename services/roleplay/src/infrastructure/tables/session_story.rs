//! The table `session_stories`: what sessions were started from.

use sea_orm::entity::prelude::*;

use crate::domain::ids::{ScenarioId, SessionId, UserId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "session_stories")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) session_id: SessionId,
    /// None if the scenario was deleted.
    pub(crate) scenario_id: Option<ScenarioId>,
    /// Whose scenario it is.
    pub(crate) owner_id: UserId,
    /// `domain::story::Told` as JSON.
    pub(crate) told: String,
    /// `domain::story::Origin` as JSON; prompts are made without it.
    pub(crate) origin: String,
}

impl ActiveModelBehavior for ActiveModel {}
