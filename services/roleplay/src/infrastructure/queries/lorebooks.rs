//! Lorebooks that stand by themselves, by their owner, and the characters that they are attached to.

use platform::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, JoinType, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use serde_json::Value;

use super::{bytes, from_json};
use crate::domain::book::Book;
use crate::domain::ids::{CharacterId, LorebookId, SessionId, UserId};
use crate::domain::lorebook::BookDocument;
use crate::infrastructure::tables::character_lorebook as attachment;
use crate::infrastructure::tables::lorebook::{Column, Entity, Model};
use crate::infrastructure::tables::session_lorebook as brought;

/// The lorebooks of a person.
pub(crate) fn owned_by(user: UserId) -> Select<Entity> {
    Entity::find().filter(Column::UserId.eq(user))
}

/// A lorebook of a person, if it is theirs.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: LorebookId,
) -> Result<Option<Book>, DbErr> {
    let model = owned_by(user).filter(Column::Id.eq(id)).one(db).await?;
    model.map(book).transpose()
}

/// At most `limit` lorebooks of a person that are older than one, newest first, with the sizes of their documents.
pub(crate) async fn sizes(
    db: &impl ConnectionTrait,
    user: UserId,
    before: Option<LorebookId>,
    limit: u64,
) -> Result<Vec<(LorebookId, i64)>, DbErr> {
    let mut select = owned_by(user)
        .select_only()
        .columns([Column::Id, Column::DocumentBytes]);
    if let Some(before) = before {
        select = select.filter(Column::Id.lt(before));
    }
    let select = select.order_by_desc(Column::Id).limit(limit);
    select.into_tuple().all(db).await
}

/// These lorebooks of a person, newest first.
pub(crate) async fn load(
    db: &impl ConnectionTrait,
    user: UserId,
    ids: Vec<LorebookId>,
) -> Result<Vec<Book>, DbErr> {
    let select = owned_by(user)
        .filter(Column::Id.is_in(ids))
        .order_by_desc(Column::Id);
    select.all(db).await?.into_iter().map(book).collect()
}

/// These lorebooks, whosesoever they are. They were found as those of a session.
pub(crate) async fn load_for_session(
    db: &impl ConnectionTrait,
    ids: Vec<LorebookId>,
) -> Result<Vec<Book>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let select = Entity::find().filter(Column::Id.is_in(ids));
    select.all(db).await?.into_iter().map(book).collect()
}

/// Those that are attached to a character, in their order. They are all of the character's owner.
fn of_character(character: CharacterId) -> Select<Entity> {
    let attached = attachment::Entity::belongs_to(Entity)
        .from(attachment::Column::LorebookId)
        .to(Column::Id);
    Entity::find()
        .join_rev(JoinType::InnerJoin, attached.into())
        .filter(attachment::Column::CharacterId.eq(character))
        .order_by_asc(attachment::Column::Place)
}

/// Those that a session was started with, in their order, whosever they are.
fn of_session(session: SessionId) -> Select<Entity> {
    let brought = brought::Entity::belongs_to(Entity)
        .from(brought::Column::LorebookId)
        .to(Column::Id);
    Entity::find()
        .join_rev(JoinType::InnerJoin, brought.into())
        .filter(brought::Column::SessionId.eq(session))
        .order_by_asc(brought::Column::Place)
}

/// The lorebooks that a session was started with, in their order: which they are, and when each last changed.
pub(crate) async fn brought_times(
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Vec<(LorebookId, Timestamp)>, DbErr> {
    let select = of_session(session)
        .select_only()
        .columns([Column::Id, Column::UpdateTime]);
    select.into_tuple().all(db).await
}

/// Those of these lorebooks that are a person's.
pub(crate) async fn owned(
    db: &impl ConnectionTrait,
    user: UserId,
    ids: &[LorebookId],
) -> Result<Vec<LorebookId>, DbErr> {
    let select = owned_by(user)
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.is_in(ids.iter().copied()));
    select.into_tuple().all(db).await
}

/// The lorebooks that are attached to a character, in their order.
pub(crate) async fn attached(
    db: &impl ConnectionTrait,
    character: CharacterId,
) -> Result<Vec<Book>, DbErr> {
    let models = of_character(character).all(db).await?;
    models.into_iter().map(book).collect()
}

/// Of the lorebooks that are attached to each of these characters, in its order: which they are, and when each last changed.
pub(crate) async fn attached_times(
    db: &impl ConnectionTrait,
    characters: &[CharacterId],
) -> Result<Vec<(CharacterId, LorebookId, Timestamp)>, DbErr> {
    use attachment::Column as Of;
    let attached = attachment::Entity::belongs_to(Entity)
        .from(Of::LorebookId)
        .to(Column::Id);
    let select = attachment::Entity::find()
        .select_only()
        .columns([Of::CharacterId, Of::LorebookId])
        .column(Column::UpdateTime)
        .join(JoinType::InnerJoin, attached.into())
        .filter(Of::CharacterId.is_in(characters.iter().copied()))
        .order_by_asc(Of::CharacterId)
        .order_by_asc(Of::Place);
    select.into_tuple().all(db).await
}

/// Attaches a lorebook to a character, at a place. One that is attached stays where it is.
pub(crate) async fn attach(
    db: &impl ConnectionTrait,
    character: CharacterId,
    id: LorebookId,
    place: i32,
) -> Result<(), DbErr> {
    use attachment::Column as Of;
    let model = attachment::Model {
        character_id: character,
        lorebook_id: id,
        place,
    };
    let mut attached_before = OnConflict::columns([Of::CharacterId, Of::LorebookId]);
    attachment::Entity::insert(model.into_active_model())
        .on_conflict(attached_before.do_nothing().to_owned())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// The places of the lorebooks that are attached to a character, in their order.
pub(crate) async fn places(
    db: &impl ConnectionTrait,
    character: CharacterId,
) -> Result<Vec<(LorebookId, i32)>, DbErr> {
    use attachment::Column as Of;
    let select = attachment::Entity::find()
        .select_only()
        .columns([Of::LorebookId, Of::Place])
        .filter(Of::CharacterId.eq(character))
        .order_by_asc(Of::Place);
    select.into_tuple().all(db).await
}

/// Detaches a lorebook from a character.
pub(crate) async fn detach(
    db: &impl ConnectionTrait,
    character: CharacterId,
    id: LorebookId,
) -> Result<(), DbErr> {
    let delete = attachment::Entity::delete_many()
        .filter(attachment::Column::CharacterId.eq(character))
        .filter(attachment::Column::LorebookId.eq(id));
    delete.exec(db).await.map(drop)
}

/// Stores a lorebook.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    user: UserId,
    book: &Book,
) -> Result<(), DbErr> {
    let document = book.document.to_json().to_string();
    let model = Model {
        id: book.id,
        user_id: user,
        document_bytes: bytes(&document),
        document,
        create_time: book.create_time,
        update_time: book.update_time,
    };
    Entity::insert(model.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Stores a changed lorebook.
pub(crate) async fn update(db: &impl ConnectionTrait, book: &Book) -> Result<(), DbErr> {
    let document = book.document.to_json().to_string();
    let update = Entity::update_many()
        .col_expr(Column::DocumentBytes, Expr::val(bytes(&document)))
        .col_expr(Column::Document, Expr::val(document))
        .col_expr(Column::UpdateTime, Expr::val(book.update_time))
        .filter(Column::Id.eq(book.id));
    update.exec(db).await.map(drop)
}

/// Deletes a lorebook, which detaches it.
pub(crate) async fn delete(
    db: &impl ConnectionTrait,
    user: UserId,
    id: LorebookId,
) -> Result<(), DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::Id.eq(id));
    delete.exec(db).await.map(drop)
}

fn book(model: Model) -> Result<Book, DbErr> {
    let json: Value = from_json(&model.document)?;
    let no_book = || DbErr::Json("a lorebook is no object".to_owned());
    Ok(Book {
        id: model.id,
        character_id: None,
        document: BookDocument::of(&json).ok_or_else(no_book)?,
        create_time: model.create_time,
        update_time: model.update_time,
    })
}
