//! What rows know of what happened to them, whoever owns them: for telling it, which is nobody's call. Texts are left out.
//!
//! Ids sort by the time at which they were made, over all tables: so a place in a history is an id.

use platform::Timestamp;
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, JoinType,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::domain::generation::{Generation, State};
use crate::domain::ids::{CharacterId, GenerationId, MessageId, SessionId, UserId};
use crate::domain::message::Author;
use crate::domain::prompt::Kind;
use crate::domain::session::Session;
use crate::infrastructure::tables::{character, generation, message, participant, session};

/// A character that was made.
#[derive(Debug, Clone, FromQueryResult)]
pub(crate) struct CharacterRow {
    pub(crate) id: CharacterId,
    pub(crate) user_id: UserId,
    pub(crate) create_time: Timestamp,
}

/// A session that was opened.
#[derive(Debug, Clone, FromQueryResult)]
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) character_id: Option<CharacterId>,
    pub(crate) create_time: Timestamp,
}

/// A message that got its text.
#[derive(Debug, Clone, FromQueryResult)]
pub(crate) struct MessageRow {
    pub(crate) id: MessageId,
    pub(crate) session_id: SessionId,
    pub(crate) owner_id: UserId,
    /// Who said it; none for a character, and from before 0013.
    pub(crate) author_id: Option<UserId>,
    pub(crate) character_id: Option<CharacterId>,
    pub(crate) author: Author,
    /// The generation that wrote it last.
    pub(crate) generation_id: Option<GenerationId>,
    pub(crate) create_time: Timestamp,
    pub(crate) edit_time: Option<Timestamp>,
}

/// A generation that began, and may have ended.
#[derive(Debug, Clone, FromQueryResult)]
pub(crate) struct GenerationRow {
    pub(crate) id: GenerationId,
    pub(crate) session_id: SessionId,
    pub(crate) message_id: MessageId,
    pub(crate) owner_id: UserId,
    /// Who asked for it; none from before 0004.
    pub(crate) actor_id: Option<UserId>,
    pub(crate) character_id: Option<CharacterId>,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    pub(crate) model_id: String,
    pub(crate) error_reason: Option<String>,
    pub(crate) text_bytes: i64,
    pub(crate) create_time: Timestamp,
    pub(crate) end_time: Option<Timestamp>,
}

/// How many rows a history goes through.
pub(crate) async fn count(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Ok(character::Entity::find().count(db).await?
        + session::Entity::find().count(db).await?
        + message::Entity::find().count(db).await?
        + generation::Entity::find().count(db).await?)
}

/// At most `limit` characters behind a place.
pub(crate) async fn characters(
    db: &impl ConnectionTrait,
    after: Uuid,
    limit: u64,
) -> Result<Vec<CharacterRow>, DbErr> {
    use character::Column;
    let select = character::Entity::find()
        .select_only()
        .columns([Column::Id, Column::UserId, Column::CreateTime])
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id);
    select.limit(limit).into_model().all(db).await
}

/// At most `limit` sessions behind a place.
pub(crate) async fn sessions(
    db: &impl ConnectionTrait,
    after: Uuid,
    limit: u64,
) -> Result<Vec<SessionRow>, DbErr> {
    use session::Column;
    let select = session::Entity::find()
        .select_only()
        .columns([Column::Id, Column::UserId])
        .columns([Column::CharacterId, Column::CreateTime])
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id);
    select.limit(limit).into_model().all(db).await
}

/// At most `limit` messages behind a place.
pub(crate) async fn messages(
    db: &impl ConnectionTrait,
    after: Uuid,
    limit: u64,
) -> Result<Vec<MessageRow>, DbErr> {
    use message::Column;
    let of_session = message::Entity::belongs_to(session::Entity)
        .from(Column::SessionId)
        .to(session::Column::Id);
    let said = message::Entity::belongs_to(participant::Entity)
        .from(Column::ParticipantId)
        .to(participant::Column::Id);
    let select = message::Entity::find()
        .join(JoinType::InnerJoin, of_session.into())
        .join(JoinType::LeftJoin, said.into())
        .select_only()
        .columns([Column::Id, Column::SessionId, Column::Author])
        .columns([Column::GenerationId, Column::CreateTime, Column::EditTime])
        .column_as(session::Column::UserId, "owner_id")
        .column_as(participant::Column::UserId, "author_id")
        .column_as(session::Column::CharacterId, "character_id")
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id);
    select.limit(limit).into_model().all(db).await
}

/// At most `limit` generations behind a place.
pub(crate) async fn generations(
    db: &impl ConnectionTrait,
    after: Uuid,
    limit: u64,
) -> Result<Vec<GenerationRow>, DbErr> {
    let select = told_generations()
        .filter(generation::Column::Id.gt(after))
        .order_by_asc(generation::Column::Id);
    select.limit(limit).into_model().all(db).await
}

impl GenerationRow {
    /// One that begins in a session.
    pub(crate) fn begun(session: &Session, generation: &Generation) -> Self {
        Self {
            id: generation.id,
            session_id: session.id,
            message_id: generation.message_id,
            owner_id: session.user_id,
            actor_id: Some(session.me.user_id),
            character_id: session.character_id,
            kind: generation.kind,
            state: generation.state,
            model_id: generation.model_id.clone(),
            error_reason: None,
            text_bytes: 0,
            create_time: generation.create_time,
            end_time: None,
        }
    }
}

/// A generation.
pub(crate) async fn generation(
    db: &impl ConnectionTrait,
    id: GenerationId,
) -> Result<Option<GenerationRow>, DbErr> {
    let select = told_generations().filter(generation::Column::Id.eq(id));
    select.into_model().one(db).await
}

fn told_generations() -> Select<generation::Entity> {
    use generation::Column;
    let of_session = generation::Entity::belongs_to(session::Entity)
        .from(Column::SessionId)
        .to(session::Column::Id);
    let text = Expr::col((generation::Entity, Column::Text));
    let text_bytes = Expr::from(Func::cust("octet_length").arg(text));
    generation::Entity::find()
        .join(JoinType::InnerJoin, of_session.into())
        .select_only()
        .columns([Column::Id, Column::SessionId, Column::MessageId])
        .columns([Column::Kind, Column::State, Column::ModelId])
        .columns([Column::ErrorReason, Column::CreateTime, Column::EndTime])
        .column_as(session::Column::UserId, "owner_id")
        .column_as(Column::UserId, "actor_id")
        .column_as(session::Column::CharacterId, "character_id")
        .column_as(text_bytes.cast_as("bigint"), "text_bytes")
}
