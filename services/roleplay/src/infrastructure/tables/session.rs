//! The table `sessions`.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{BranchId, CharacterId, PersonaId, ScenarioId, SessionId, UserId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: SessionId,
    /// Who owns it.
    pub(crate) user_id: UserId,
    pub(crate) character_id: Option<CharacterId>,
    pub(crate) character_name: String,
    /// Whom its owner played when it was opened by a release before 0013; later, participants say it.
    pub(crate) persona_id: Option<PersonaId>,
    pub(crate) title: String,
    pub(crate) model_id: String,
    /// `domain::session::ReplySettings` as JSON.
    pub(crate) settings: String,
    pub(crate) active_branch_id: BranchId,
    pub(crate) create_time: Timestamp,
    pub(crate) last_use_time: Timestamp,
    /// None from a release before 0006.
    pub(crate) update_time: Option<Timestamp>,
    /// None if it was started from no scenario, or that was deleted.
    pub(crate) scenario_id: Option<ScenarioId>,
    /// None if it was started from no scenario.
    pub(crate) scenario_name: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
