//! A message with all that follows it.

use platform::Timestamp;
use sea_orm::sea_query::{
    CommonTableExpression, DeleteStatement, Expr, ExprTrait, Query, SelectStatement, UnionType,
    UpdateStatement, WithClause,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use crate::domain::ids::{MessageId, SessionId};
use crate::infrastructure::tables::{branch, message};

const SUBTREE: &str = "subtree";

/// Whether `message` is `root` or follows it.
pub(crate) async fn contains(
    db: &impl ConnectionTrait,
    session: SessionId,
    root: MessageId,
    message: MessageId,
) -> Result<bool, DbErr> {
    let fork = super::path::fork(db, session, message, root).await?;
    Ok(fork.common == Some(root))
}

/// The messages of a subtree.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    session: SessionId,
    root: MessageId,
) -> Result<Vec<MessageId>, DbErr> {
    let rows = db.query_all(&subtree(session, root).query(ids())).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Turns the branches that end at a message, and the memories of it, to another one.
pub(crate) async fn leave_one(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: MessageId,
    for_message: Option<MessageId>,
    now: Timestamp,
) -> Result<(), DbErr> {
    let branches = branch::Entity::update_many()
        .col_expr(branch::Column::HeadMessageId, Expr::val(for_message))
        .col_expr(branch::Column::UpdateTime, Expr::val(now))
        .filter(branch::Column::SessionId.eq(session))
        .filter(branch::Column::HeadMessageId.eq(id));
    branches.exec(db).await?;
    let memories = message::Entity::update_many()
        .col_expr(message::Column::LastHeadId, Expr::val(for_message))
        .filter(message::Column::LastHeadId.eq(id));
    memories.exec(db).await.map(drop)
}

/// Turns the branches that end in a subtree, and the memories of it outside, to another message.
pub(crate) async fn leave(
    db: &impl ConnectionTrait,
    session: SessionId,
    root: MessageId,
    for_message: Option<MessageId>,
    now: Timestamp,
) -> Result<(), DbErr> {
    let mut branches = UpdateStatement::new();
    branches
        .table(branch::Entity)
        .value(branch::Column::HeadMessageId, for_message)
        .value(branch::Column::UpdateTime, now);
    branches.and_where(Expr::col(branch::Column::SessionId).eq(session));
    branches.and_where(Expr::col(branch::Column::HeadMessageId).in_subquery(ids()));
    db.execute(&subtree(session, root).query(branches)).await?;
    let mut memories = UpdateStatement::new();
    memories
        .table(message::Entity)
        .value(message::Column::LastHeadId, for_message);
    memories.and_where(Expr::col(message::Column::LastHeadId).in_subquery(ids()));
    db.execute(&subtree(session, root).query(memories)).await?;
    Ok(())
}

/// Deletes a subtree; its generations go with it.
pub(crate) async fn delete(
    db: &impl ConnectionTrait,
    session: SessionId,
    root: MessageId,
) -> Result<(), DbErr> {
    let mut messages = DeleteStatement::new();
    messages.from_table(message::Entity);
    messages.and_where(Expr::col(message::Column::Id).in_subquery(ids()));
    db.execute(&subtree(session, root).query(messages)).await?;
    Ok(())
}

pub(super) fn ids() -> SelectStatement {
    let mut ids = Query::select();
    ids.column((SUBTREE, message::Column::Id)).from(SUBTREE);
    ids
}

pub(super) fn subtree(session: SessionId, root: MessageId) -> WithClause {
    use message::{Column, Entity};
    let mut first = Query::select();
    first.column((Entity, Column::Id)).from(Entity);
    first.and_where(Expr::col((Entity, Column::Id)).eq(root));
    first.and_where(Expr::col((Entity, Column::SessionId)).eq(session));
    let mut further = Query::select();
    further.column((Entity, Column::Id)).from(SUBTREE);
    // In this order, so that the children of each are looked up by their index.
    further.cross_join(Entity);
    further.and_where(Expr::col((Entity, Column::SessionId)).eq(session));
    further.and_where(Expr::col((Entity, Column::ParentId)).equals((SUBTREE, Column::Id)));
    first.union(UnionType::All, further);
    let mut table = CommonTableExpression::new();
    table.table_name(SUBTREE).column(Column::Id).query(first);
    let mut with = WithClause::new();
    with.recursive(true).cte(table);
    with
}
