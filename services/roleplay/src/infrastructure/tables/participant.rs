//! The table `participants`: who takes part in a session, and who did.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{InvitationId, ParticipantId, PersonaId, SessionId, UserId};
use crate::domain::participant::ParticipantRole;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "participants")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: ParticipantId,
    pub(crate) session_id: SessionId,
    /// A session has it once: who comes back has the row of before.
    pub(crate) user_id: UserId,
    pub(crate) role: ParticipantRole,
    pub(crate) persona_id: Option<PersonaId>,
    /// What their profile called them when that was last seen.
    pub(crate) name: String,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
    /// Since when they don't take part any more.
    pub(crate) end_time: Option<Timestamp>,
    /// The newest invitation that can't bring back one who was removed.
    pub(crate) barred_until: Option<InvitationId>,
}

impl ActiveModelBehavior for ActiveModel {}
