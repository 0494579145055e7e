//! Generations, by who takes part in their session, and the chunks of those that run.

mod held;
mod insert;
mod line;

use platform::Timestamp;
use sea_orm::sea_query::{Expr, Func, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, JoinType, Order, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::participation::takes_part;
use super::{counted, stored};
use crate::domain::generation::{Ending, Failure, Generation, Usage};
use crate::domain::ids::{GenerationId, SessionId, UserId};
use crate::infrastructure::tables::generation::{Column, Entity, Model};
use crate::infrastructure::tables::{generation_chunk as chunk, generation_receipt as receipt};

pub(crate) use self::held::{adopt, find_open, held, orphans, request_cancel};
pub(crate) use self::insert::{NewGeneration, insert};
pub(crate) use self::line::{Beginning, Place, Waits, begin, last_place, place, waiting};

/// Written out, so that the indexes on running ones serve.
pub(super) fn is_running() -> Expr {
    Expr::col((Entity, Column::State)).eq(Expr::cust("'running'"))
}

/// As [`is_running`].
pub(super) fn is_waiting() -> Expr {
    Expr::col((Entity, Column::State)).eq(Expr::cust("'pending'"))
}

/// Whether a generation that is found by its id runs, or waits.
fn is_open() -> Expr {
    is_running().or(is_waiting())
}

/// A generation in a session that a person takes part in.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: GenerationId,
) -> Result<Option<Generation>, DbErr> {
    let theirs = takes_part(user, (Entity, Column::SessionId));
    let select = Entity::find_by_id(id).filter(theirs);
    Ok(select.one(db).await?.map(generation))
}

/// A generation, whoever may see it: for a service that asks for many, and asks who they are by itself.
pub(crate) async fn find_for_service(
    db: &impl ConnectionTrait,
    id: GenerationId,
) -> Result<Option<Generation>, DbErr> {
    Ok(Entity::find_by_id(id).one(db).await?.map(generation))
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

/// The generation that a person's request with this id began before, and the hash of that request, if it was kept.
pub(crate) async fn requested(
    db: &impl ConnectionTrait,
    user: UserId,
    session: SessionId,
    request_id: &str,
) -> Result<Option<(GenerationId, Option<Vec<u8>>)>, DbErr> {
    // Those before 0004 are of the only person that there was.
    let theirs = Column::UserId.eq(user).or(Column::UserId.is_null());
    let select = Entity::find()
        .select_only()
        .columns([Column::Id, Column::RequestHash])
        .filter(Column::SessionId.eq(session))
        .filter(Column::RequestId.eq(request_id))
        .filter(theirs);
    select.into_tuple().one(db).await
}

/// What a generation has written from an offset on, all as of one moment: nothing while it waits; `None` if it has ended.
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
        .and_where(is_open())
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
    let runs = Entity::find_by_id(id).filter(is_running());
    Ok(runs.one(db).await?.is_some())
}

/// Ends a generation that runs or waits with its whole text. False if it had ended before.
pub(crate) async fn end(
    db: &impl ConnectionTrait,
    id: GenerationId,
    text: &str,
    ending: &Ending,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let usage = ending.usage;
    let failure = ending.failure.as_ref();
    let mut update = Entity::update_many();
    if let Some(model_id) = &ending.model_id {
        update = update.col_expr(Column::ModelId, Expr::val(model_id));
    }
    let update = update
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
        .filter(is_open());
    let ended = update.exec(db).await?.rows_affected > 0;
    let chunks = chunk::Entity::delete_many().filter(chunk::Column::GenerationId.eq(id));
    chunks.exec(db).await?;
    Ok(ended)
}

/// Notes which generation followed one by itself.
pub(crate) async fn set_next(
    db: &impl ConnectionTrait,
    id: GenerationId,
    next: GenerationId,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::NextId, Expr::val(next))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// The receipt of a generation, as JSON.
pub(crate) async fn receipt(
    db: &impl ConnectionTrait,
    id: GenerationId,
) -> Result<Option<String>, DbErr> {
    let model = receipt::Entity::find_by_id(id).one(db).await?;
    Ok(model.map(|model| model.receipt))
}

/// Stores another receipt of a generation, whose prompt was compiled anew.
pub(crate) async fn replace_receipt(
    db: &impl ConnectionTrait,
    id: GenerationId,
    receipt: String,
) -> Result<(), DbErr> {
    let update = receipt::Entity::update_many()
        .col_expr(receipt::Column::Receipt, Expr::val(receipt))
        .filter(receipt::Column::GenerationId.eq(id));
    update.exec(db).await?;
    Ok(())
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
        participant_id: model.participant_id,
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
        next_id: model.next_id,
    }
}
