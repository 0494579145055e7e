//! The line of a session: replies that wait until those before them have ended.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect,
};
use storage::database::Transaction;

use super::insert::keep_receipt;
use super::{counted, is_running, is_waiting};
use crate::domain::generation::State;
use crate::domain::ids::{GenerationId, HolderId, MessageId, SessionId};
use crate::domain::prompt::Kind;
use crate::infrastructure::tables::generation::{Column, Entity};
use crate::infrastructure::tables::message;

/// Where a generation stands in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing is before it.
    First,
    /// This one runs, or waits before it.
    Behind(GenerationId),
    /// It waits no more.
    Gone,
}

/// Where a generation stands in the line of its session.
pub(crate) async fn place(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: GenerationId,
) -> Result<Place, DbErr> {
    let own = Entity::find_by_id(id)
        .select_only()
        .column(Column::Place)
        .filter(is_waiting());
    let own: Option<Option<i32>> = own.into_tuple().one(db).await?;
    let Some(own) = own.flatten() else {
        return Ok(Place::Gone);
    };
    let ids = || {
        let ids = Entity::find().select_only().column(Column::Id);
        ids.filter(Column::SessionId.eq(session))
    };
    let runs: Option<GenerationId> = ids().filter(is_running()).into_tuple().one(db).await?;
    let before = ids()
        .filter(is_waiting())
        .filter(Column::Place.lt(own))
        .order_by_desc(Column::Place);
    let before = match runs {
        Some(runs) => Some(runs),
        None => before.into_tuple().one(db).await?,
    };
    Ok(before.map_or(Place::First, Place::Behind))
}

/// The last place in the line of a session; 0 if nothing waits.
pub(crate) async fn last_place(
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<u32, DbErr> {
    let last = Entity::find()
        .select_only()
        .column(Column::Place)
        .filter(Column::SessionId.eq(session))
        .filter(is_waiting())
        .order_by_desc(Column::Place);
    let last: Option<Option<i32>> = last.into_tuple().one(db).await?;
    Ok(last.flatten().map_or(0, counted))
}

/// A generation that waits, as far as a deletion concerns it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    pub(crate) id: GenerationId,
    /// The message that it will write.
    pub(crate) message_id: MessageId,
    pub(crate) kind: Kind,
    /// The message before that.
    pub(crate) parent_id: Option<MessageId>,
}

/// The generations that wait in a session.
pub(crate) async fn waiting(
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Vec<Waits>, DbErr> {
    let of_message = Entity::belongs_to(message::Entity)
        .from(Column::MessageId)
        .to(message::Column::Id);
    let select = Entity::find()
        .select_only()
        .columns([Column::Id, Column::MessageId, Column::Kind])
        .column(message::Column::ParentId)
        .join(JoinType::InnerJoin, of_message.into())
        .filter(Column::SessionId.eq(session))
        .filter(is_waiting());
    let rows: Vec<(GenerationId, MessageId, Kind, Option<MessageId>)> =
        select.into_tuple().all(db).await?;
    let waits = rows
        .into_iter()
        .map(|(id, message_id, kind, parent_id)| Waits {
            id,
            message_id,
            kind,
            parent_id,
        });
    Ok(waits.collect())
}

/// What a generation that waited begins with.
#[derive(Debug, Clone)]
pub(crate) struct Beginning {
    /// The generation.
    pub(crate) id: GenerationId,
    /// The process that has it.
    pub(crate) holder_id: HolderId,
    /// The model, as it is chosen now.
    pub(crate) model_id: String,
    /// What its prompt was made of, as JSON.
    pub(crate) receipt: String,
}

/// Lets a generation run that waited. False if it waits no more, or another process has taken it over.
pub(crate) async fn begin(tx: &Transaction<'_>, beginning: Beginning) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::val(State::Running))
        .col_expr(Column::ModelId, Expr::val(beginning.model_id))
        .col_expr(Column::Place, Expr::val(None::<i32>))
        .filter(Column::Id.eq(beginning.id))
        .filter(Column::HolderId.eq(beginning.holder_id))
        .filter(is_waiting());
    if update.exec(tx).await?.rows_affected == 0 {
        return Ok(false);
    }
    keep_receipt(tx, beginning.id, beginning.receipt);
    Ok(true)
}
