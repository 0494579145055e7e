//! Bookmarks, by whose they are.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::participation::takes_part;
use crate::domain::bookmark::Bookmark;
use crate::domain::ids::{BookmarkId, MessageId, SessionId, UserId};
use crate::infrastructure::tables::bookmark::{Column, Entity, Model};

/// The bookmarks of a person, in sessions that they take part in.
pub(crate) fn owned_by(user: UserId) -> Select<Entity> {
    let select = Entity::find().filter(Column::UserId.eq(user));
    select.filter(takes_part(user, (Entity, Column::SessionId)))
}

/// A bookmark of a person, if it is theirs.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: BookmarkId,
) -> Result<Option<Bookmark>, DbErr> {
    let model = owned_by(user).filter(Column::Id.eq(id)).one(db).await?;
    Ok(model.map(bookmark))
}

/// The bookmark that a person has at a message.
pub(crate) async fn find_at(
    db: &impl ConnectionTrait,
    user: UserId,
    message: MessageId,
) -> Result<Option<Bookmark>, DbErr> {
    let select = owned_by(user).filter(Column::MessageId.eq(message));
    Ok(select.one(db).await?.map(bookmark))
}

/// At most `limit` bookmarks of a person that are older than one, newest first, of all sessions or of one.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    session: Option<SessionId>,
    before: Option<BookmarkId>,
    limit: u64,
) -> Result<Vec<Bookmark>, DbErr> {
    let mut select = owned_by(user);
    if let Some(session) = session {
        select = select.filter(Column::SessionId.eq(session));
    }
    if let Some(before) = before {
        select = select.filter(Column::Id.lt(before));
    }
    let models = select.order_by_desc(Column::Id).limit(limit).all(db);
    Ok(models.await?.into_iter().map(bookmark).collect())
}

/// Stores a bookmark.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    user: UserId,
    bookmark: &Bookmark,
) -> Result<(), DbErr> {
    let model = Model {
        id: bookmark.id,
        user_id: user,
        session_id: bookmark.session_id,
        message_id: bookmark.message_id,
        title: bookmark.title.clone(),
        create_time: bookmark.create_time,
        update_time: bookmark.update_time,
    };
    Entity::insert(model.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Stores what a person changed of a bookmark.
pub(crate) async fn update(db: &impl ConnectionTrait, bookmark: &Bookmark) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Title, Expr::val(&bookmark.title))
        .col_expr(Column::UpdateTime, Expr::val(bookmark.update_time))
        .filter(Column::Id.eq(bookmark.id));
    update.exec(db).await.map(drop)
}

/// Deletes a bookmark of a person. False if it wasn't there.
pub(crate) async fn delete(
    db: &impl ConnectionTrait,
    user: UserId,
    id: BookmarkId,
) -> Result<bool, DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(takes_part(user, (Entity, Column::SessionId)))
        .filter(Column::Id.eq(id));
    Ok(delete.exec(db).await?.rows_affected > 0)
}

fn bookmark(model: Model) -> Bookmark {
    Bookmark {
        id: model.id,
        session_id: model.session_id,
        message_id: model.message_id,
        title: model.title,
        create_time: model.create_time,
        update_time: model.update_time,
    }
}
