//! Generations that run or wait, and the processes that have them.

use std::collections::HashMap;

use sea_orm::sea_query::{Condition, Expr, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use storage::database::Transaction;

use super::{is_open, is_running, is_waiting};
use crate::domain::ids::{GenerationId, HolderId, MessageId, SessionId};
use crate::infrastructure::tables::generation::{Column, Entity, Model};
use crate::infrastructure::tables::holder;

/// A generation that is marked as running or waiting, and whose that is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    /// The session it belongs to.
    pub(crate) session_id: SessionId,
    /// The message that it writes.
    pub(crate) message_id: MessageId,
    /// The process that began it, if it is known.
    pub(crate) holder_id: Option<HolderId>,
    /// Whether somebody asked for its end.
    pub(crate) cancel_requested: bool,
}

/// A generation that is marked as running or waiting, whoever owns it: for its end, which is nobody's call.
pub(crate) async fn find_open(
    db: &impl ConnectionTrait,
    id: GenerationId,
) -> Result<Option<Open>, DbErr> {
    let model = Entity::find_by_id(id).filter(is_open()).one(db).await?;
    Ok(model.map(|model| Open {
        session_id: model.session_id,
        message_id: model.message_id,
        holder_id: model.holder_id,
        cancel_requested: model.cancel_requested,
    }))
}

/// The generations that a process runs or lets wait, and of which somebody asked for the end.
pub(crate) async fn held(
    db: &impl ConnectionTrait,
    holder: HolderId,
) -> Result<HashMap<GenerationId, bool>, DbErr> {
    let mut held = HashMap::new();
    // Apart, since each has an index of its own.
    for is_held in [is_running(), is_waiting()] {
        let select = Entity::find()
            .select_only()
            .columns([Column::Id, Column::CancelRequested])
            .filter(Column::HolderId.eq(holder))
            .filter(is_held);
        let rows: Vec<(GenerationId, bool)> = select.into_tuple().all(db).await?;
        held.extend(rows);
    }
    Ok(held)
}

/// Whether the process is gone that had it.
fn is_orphan() -> Condition {
    let mut alive = Query::select();
    alive.column(holder::Column::Id).from(holder::Entity);
    Condition::any()
        .add(Column::HolderId.is_null())
        .add(Column::HolderId.not_in_subquery(alive))
}

/// Gives a process what waits, and is to be ended by nobody, of one that is gone. None if there is no such thing.
pub(crate) async fn adopt(
    tx: &Transaction<'_>,
    id: GenerationId,
    holder: HolderId,
) -> Result<Option<Model>, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::HolderId, Expr::val(holder))
        .filter(Column::Id.eq(id))
        .filter(is_waiting())
        .filter(Column::CancelRequested.eq(false))
        .filter(Column::UserId.is_not_null())
        .filter(is_orphan());
    match update.exec(tx).await?.rows_affected {
        0 => Ok(None),
        _ => Entity::find_by_id(id).one(tx).await,
    }
}

/// The generations that are marked as running or waiting by processes that are gone.
pub(crate) async fn orphans(db: &impl ConnectionTrait) -> Result<Vec<GenerationId>, DbErr> {
    let select = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(is_open())
        .filter(is_orphan());
    select.into_tuple().all(db).await
}

/// Asks whoever runs a generation, or lets it wait, to end it.
pub(crate) async fn request_cancel(
    db: &impl ConnectionTrait,
    id: GenerationId,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::CancelRequested, Expr::val(true))
        .filter(Column::Id.eq(id))
        .filter(is_open());
    update.exec(db).await.map(drop)
}
