//! The table `generations`.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::generation::{Finish, State};
use crate::domain::ids::{GenerationId, HolderId, MessageId, ParticipantId, SessionId, UserId};
use crate::domain::prompt::Kind;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "generations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: GenerationId,
    pub(crate) session_id: SessionId,
    pub(crate) message_id: MessageId,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    /// What the client calls the request that began it; a session has it once.
    pub(crate) request_id: Option<String>,
    pub(crate) model_id: String,
    /// The whole text once it has ended; until then the text is in `generation_chunks`.
    pub(crate) text: String,
    pub(crate) finish_reason: Option<Finish>,
    pub(crate) error_reason: Option<String>,
    pub(crate) error_message: Option<String>,
    /// None while what it took isn't known; the figures after it likewise.
    pub(crate) prompt_tokens: Option<i32>,
    pub(crate) cached_tokens: Option<i32>,
    pub(crate) completion_tokens: Option<i32>,
    pub(crate) cost_pico_usd: Option<i64>,
    pub(crate) usage_estimated: bool,
    pub(crate) create_time: Timestamp,
    pub(crate) end_time: Option<Timestamp>,
    /// Who asked for it, and pays; none if it was begun by a release before 0004.
    pub(crate) user_id: Option<UserId>,
    /// The process that began it; none from a release before there were several.
    pub(crate) holder_id: Option<HolderId>,
    /// Whether somebody asked for its end by another process.
    pub(crate) cancel_requested: bool,
    /// Tells the request apart from another of the same id; none from a release before 0005.
    pub(crate) request_hash: Option<Vec<u8>>,
    /// Who asked for it, as one who takes part; none from a release before 0013.
    pub(crate) participant_id: Option<ParticipantId>,
    /// While it waits, its place in the line of its session.
    pub(crate) place: Option<i32>,
    /// The one that followed it by itself.
    pub(crate) next_id: Option<GenerationId>,
}

impl ActiveModelBehavior for ActiveModel {}
