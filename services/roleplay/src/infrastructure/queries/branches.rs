//! Branches of a session that the caller was found to take part in.

use platform::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select, UpdateMany,
};

use crate::domain::ids::{BranchId, MessageId, SessionId};
use crate::domain::session::Branch;
use crate::infrastructure::tables::branch::{Column, Entity, Model};

/// The branches of a session, oldest first.
pub(crate) fn of_session(session: SessionId) -> Select<Entity> {
    Entity::find()
        .filter(Column::SessionId.eq(session))
        .order_by_asc(Column::Id)
}

/// A branch of a session, if it has it.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: BranchId,
) -> Result<Option<Branch>, DbErr> {
    let model = of_session(session)
        .filter(Column::Id.eq(id))
        .one(db)
        .await?;
    Ok(model.map(branch))
}

/// At most `limit` branches of a session that are younger than one, oldest first.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    session: SessionId,
    after: Option<BranchId>,
    limit: u64,
) -> Result<Vec<Branch>, DbErr> {
    let mut select = of_session(session);
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after));
    }
    let models = select.limit(limit).all(db).await?;
    Ok(models.into_iter().map(branch).collect())
}

/// How many branches a session has.
pub(crate) async fn count(db: &impl ConnectionTrait, session: SessionId) -> Result<u64, DbErr> {
    of_session(session).count(db).await
}

/// Which of a session's branches one is, from 1.
pub(crate) async fn place(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: BranchId,
) -> Result<u64, DbErr> {
    of_session(session)
        .filter(Column::Id.lte(id))
        .count(db)
        .await
}

/// Stores a branch.
pub(crate) async fn insert(db: &impl ConnectionTrait, branch: Branch) -> Result<(), DbErr> {
    let model = Model {
        id: branch.id,
        session_id: branch.session_id,
        title: branch.title,
        head_message_id: branch.head,
        create_time: branch.create_time,
        update_time: Some(branch.update_time),
    };
    Entity::insert(model.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Moves the end of a branch.
pub(crate) fn set_head(id: BranchId, head: MessageId, now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::HeadMessageId, Expr::val(head))
        .col_expr(Column::UpdateTime, Expr::val(now))
        .filter(Column::Id.eq(id))
}

/// Stores a branch's title, and when it changed.
pub(crate) async fn set_title(db: &impl ConnectionTrait, branch: &Branch) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Title, Expr::val(&branch.title))
        .col_expr(Column::UpdateTime, Expr::val(branch.update_time))
        .filter(Column::Id.eq(branch.id));
    update.exec(db).await.map(drop)
}

/// Deletes a branch of a session. False if it has none of that id.
pub(crate) async fn delete(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: BranchId,
) -> Result<bool, DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::SessionId.eq(session))
        .filter(Column::Id.eq(id));
    Ok(delete.exec(db).await?.rows_affected > 0)
}

fn branch(model: Model) -> Branch {
    Branch {
        id: model.id,
        session_id: model.session_id,
        title: model.title,
        head: model.head_message_id,
        create_time: model.create_time,
        update_time: model.update_time.unwrap_or(model.create_time),
    }
}
