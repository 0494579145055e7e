//! Generations, by the owner of their session, and the chunks of those that run.

mod insert;

use std::collections::HashMap;

use platform::Timestamp;
use sea_orm::sea_query::{Condition, Expr, Func, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, JoinType, Order, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::domain::generation::{Ending, Failure, Generation, State, Usage};
use crate::domain::ids::{GenerationId, HolderId, MessageId, SessionId, UserId};
use crate::infrastructure::tables::generation::{Column, Entity, Model};
use crate::infrastructure::tables::{
    generation_chunk as chunk, generation_receipt as receipt, holder, session,
};

pub(crate) use self::insert::{NewGeneration, insert};

/// Written out, so that the indexes on running ones serve.
pub(super) fn is_running() -> Expr {
    Expr::col((Entity, Column::State)).eq(Expr::cust("'running'"))
}

/// A generation in a session of a person, if it is theirs.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: GenerationId,
) -> Result<Option<Generation>, DbErr> {
    let mut owned = Query::select();
    owned.column(session::Column::Id).from(session::Entity);
    owned.and_where(Expr::col(session::Column::UserId).eq(user));
    let select = Entity::find_by_id(id).filter(Column::SessionId.in_subquery(owned));
    Ok(select.one(db).await?.map(generation))
}

/// At most `limit` generations of a session that are older than one, newest first, with the lengths of their texts.
pub(crate) async fn lengths(
    db: &impl ConnectionTrait,
    session: SessionId,
    before: Option<GenerationId>,
    limit: u64,
) -> Result<Vec<(GenerationId, i64)>, DbErr> {
    let length = Func::char_length(Expr::col((Entity, Column::Text)));
    let mut select = Entity::find().filter(Column::SessionId.eq(session));
    if let Some(before) = before {
        select = select.filter(Column::Id.lt(before));
    }
    let select = select
        .select_only()
        .column(Column::Id)
        // PostgreSQL counts in 32 bits.
        .column_as(Expr::from(length).cast_as("bigint"), "length")
        .order_by_desc(Column::Id)
        .limit(limit);
    select.into_tuple().all(db).await
}

/// These generations of a session, newest first, with the texts of those that have ended.
pub(crate) async fn load(
    db: &impl ConnectionTrait,
    session: SessionId,
    ids: Vec<GenerationId>,
) -> Result<Vec<Generation>, DbErr> {
    let select = Entity::find()
        .filter(Column::SessionId.eq(session))
        .filter(Column::Id.is_in(ids))
        .order_by_desc(Column::Id);
    let models = select.all(db).await?;
    Ok(models.into_iter().map(generation).collect())
}

/// The generation that a request with this id began before, and the hash of that request, if it was kept.
pub(crate) async fn requested(
    db: &impl ConnectionTrait,
    session: SessionId,
    request_id: &str,
) -> Result<Option<(GenerationId, Option<Vec<u8>>)>, DbErr> {
    let select = Entity::find()
        .select_only()
        .columns([Column::Id, Column::RequestHash])
        .filter(Column::SessionId.eq(session))
        .filter(Column::RequestId.eq(request_id));
    select.into_tuple().one(db).await
}

/// A generation that is marked as running, and who runs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    /// The session it belongs to.
    pub(crate) session_id: SessionId,
    /// The message that it writes.
    pub(crate) message_id: MessageId,
    /// The process that began it, if it is known.
    pub(crate) holder_id: Option<HolderId>,
    /// Whether somebody asked for its end.
    pub(crate) cancel_requested: bool,
}

/// A generation that is marked as running, whoever owns it: for its end, which is nobody's call.
pub(crate) async fn find_running(
    db: &impl ConnectionTrait,
    id: GenerationId,
) -> Result<Option<Running>, DbErr> {
    let model = Entity::find_by_id(id).filter(is_running()).one(db).await?;
    Ok(model.map(|model| Running {
        session_id: model.session_id,
        message_id: model.message_id,
        holder_id: model.holder_id,
        cancel_requested: model.cancel_requested,
    }))
}

/// The generations that a process runs, and of which somebody asked for the end.
pub(crate) async fn held(
    db: &impl ConnectionTrait,
    holder: HolderId,
) -> Result<HashMap<GenerationId, bool>, DbErr> {
    let select = Entity::find()
        .select_only()
        .columns([Column::Id, Column::CancelRequested])
        .filter(Column::HolderId.eq(holder))
        .filter(is_running());
    let rows: Vec<(GenerationId, bool)> = select.into_tuple().all(db).await?;
    Ok(rows.into_iter().collect())
}

/// The generations that are marked as running by processes that are gone.
pub(crate) async fn orphans(db: &impl ConnectionTrait) -> Result<Vec<GenerationId>, DbErr> {
    let mut alive = Query::select();
    alive.column(holder::Column::Id).from(holder::Entity);
    let is_gone = Condition::any()
        .add(Column::HolderId.is_null())
        .add(Column::HolderId.not_in_subquery(alive));
    let select = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(is_running())
        .filter(is_gone);
    select.into_tuple().all(db).await
}

/// Asks whoever runs a generation to end it.
pub(crate) async fn request_cancel(
    db: &impl ConnectionTrait,
    id: GenerationId,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::CancelRequested, Expr::val(true))
        .filter(Column::Id.eq(id))
        .filter(is_running());
    update.exec(db).await.map(drop)
}

/// What a running generation has written from an offset on, all as of one moment; `None` if it doesn't run any more.
pub(crate) async fn written_since(
    db: &impl ConnectionTrait,
    id: GenerationId,
    offset: usize,
) -> Result<Option<String>, DbErr> {
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    let is_of_it = Expr::col((chunk::Entity, chunk::Column::GenerationId))
        .equals((Entity, Column::Id))
        .and(Expr::col((chunk::Entity, chunk::Column::StartOffset)).gte(offset));
    let mut select = Query::select();
    select
        .column((chunk::Entity, chunk::Column::Text))
        .from(Entity)
        .join(JoinType::LeftJoin, chunk::Entity, is_of_it)
        .and_where(Expr::col((Entity, Column::Id)).eq(id))
        .and_where(is_running())
        .order_by((chunk::Entity, chunk::Column::StartOffset), Order::Asc);
    let rows = db.query_all(&select).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut text = String::new();
    for row in rows {
        let piece: Option<String> = row.try_get_by_index(0)?;
        text.push_str(&piece.unwrap_or_default());
    }
    Ok(Some(text))
}

/// What a running generation has written so far.
pub(crate) async fn written(db: &impl ConnectionTrait, id: GenerationId) -> Result<String, DbErr> {
    let select = chunk::Entity::find()
        .filter(chunk::Column::GenerationId.eq(id))
        .order_by_asc(chunk::Column::StartOffset);
    let chunks = select.all(db).await?;
    Ok(chunks.into_iter().map(|chunk| chunk.text).collect())
}

/// Stores a piece of a running generation's text. False if it doesn't run any more: then nothing is stored.
pub(crate) async fn append(
    db: &impl ConnectionTrait,
    id: GenerationId,
    offset: usize,
    text: &str,
) -> Result<bool, DbErr> {
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    let mut runs = Query::select();
    runs.expr(Expr::val(id))
        .expr(Expr::val(offset))
        .expr(Expr::val(text))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::Id)).eq(id))
        .and_where(is_running());
    // A commit whose answer got lost is repeated.
    let stored_before =
        OnConflict::columns([chunk::Column::GenerationId, chunk::Column::StartOffset])
            .do_nothing()
            .to_owned();
    let mut insert = Query::insert();
    insert
        .into_table(chunk::Entity)
        .columns([
            chunk::Column::GenerationId,
            chunk::Column::StartOffset,
            chunk::Column::Text,
        ])
        .on_conflict(stored_before)
        .select_from(runs)
        .map_err(|error| DbErr::Custom(error.to_string()))?;
    if db.execute(&insert).await?.rows_affected() > 0 {
        return Ok(true);
    }
    Ok(find_running(db, id).await?.is_some())
}

/// Ends a running generation with its whole text. False if it wasn't running any more.
pub(crate) async fn end(
    db: &impl ConnectionTrait,
    id: GenerationId,
    text: &str,
    ending: &Ending,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let usage = ending.usage;
    let failure = ending.failure.as_ref();
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::val(ending.state))
        .col_expr(Column::Text, Expr::val(text))
        .col_expr(Column::FinishReason, Expr::val(ending.finish))
        .col_expr(
            Column::ErrorReason,
            Expr::val(failure.map(|f| f.reason.as_str())),
        )
        .col_expr(
            Column::ErrorMessage,
            Expr::val(failure.map(|f| f.message.as_str())),
        )
        .col_expr(
            Column::PromptTokens,
            Expr::val(usage.map(|u| u.prompt_tokens)),
        )
        .col_expr(
            Column::CachedTokens,
            Expr::val(usage.map(|u| u.cached_tokens)),
        )
        .col_expr(
            Column::CompletionTokens,
            Expr::val(usage.map(|u| u.completion_tokens)),
        )
        .col_expr(
            Column::CostPicoUsd,
            Expr::val(usage.map(|u| u.cost_pico_usd)),
        )
        .col_expr(
            Column::UsageEstimated,
            Expr::val(usage.is_some_and(|u| u.estimated)),
        )
        .col_expr(Column::EndTime, Expr::val(now))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(State::Running));
    let ended = update.exec(db).await?.rows_affected > 0;
    let chunks = chunk::Entity::delete_many().filter(chunk::Column::GenerationId.eq(id));
    chunks.exec(db).await?;
    Ok(ended)
}

/// The receipt of a generation, as JSON.
pub(crate) async fn receipt(
    db: &impl ConnectionTrait,
    id: GenerationId,
) -> Result<Option<String>, DbErr> {
    let model = receipt::Entity::find_by_id(id).one(db).await?;
    Ok(model.map(|model| model.receipt))
}

fn generation(model: Model) -> Generation {
    let usage = model.prompt_tokens.map(|prompt_tokens| Usage {
        prompt_tokens,
        cached_tokens: model.cached_tokens.unwrap_or(0),
        completion_tokens: model.completion_tokens.unwrap_or(0),
        cost_pico_usd: model.cost_pico_usd.unwrap_or(0),
        estimated: model.usage_estimated,
    });
    Generation {
        id: model.id,
        session_id: model.session_id,
        message_id: model.message_id,
        kind: model.kind,
        state: model.state,
        text: model.text,
        finish: model.finish_reason,
        failure: model.error_reason.map(|reason| Failure {
            reason,
            message: model.error_message.unwrap_or_default(),
        }),
        model_id: model.model_id,
        usage,
        create_time: model.create_time,
        end_time: model.end_time,
    }
}
