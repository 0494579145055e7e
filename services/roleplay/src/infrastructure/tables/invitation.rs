//! The table `invitations`.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{InvitationId, ParticipantId, SessionId, UserId};
use crate::domain::participant::ParticipantRole;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: InvitationId,
    pub(crate) session_id: SessionId,
    pub(crate) inviter_id: ParticipantId,
    /// Who is invited; none for whoever has the token.
    pub(crate) user_id: Option<UserId>,
    /// SHA-256 of the token, which isn't kept.
    pub(crate) token_hash: Option<Vec<u8>>,
    pub(crate) role: ParticipantRole,
    pub(crate) max_uses: Option<i32>,
    pub(crate) use_count: i32,
    pub(crate) create_time: Timestamp,
    pub(crate) expire_time: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
