//! What requests with an id have made.

use platform::Timestamp;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter};

use crate::domain::ids::UserId;
use crate::infrastructure::tables::request::{Column, Entity, Model};

/// What a person's request of a method made below a parent, if it is still known.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    method: &str,
    parent: &str,
    request_id: &str,
) -> Result<Option<Model>, DbErr> {
    let select = Entity::find()
        .filter(Column::UserId.eq(user))
        .filter(Column::Method.eq(method))
        .filter(Column::Parent.eq(parent))
        .filter(Column::RequestId.eq(request_id));
    select.one(db).await
}

/// Notes what a request made.
pub(crate) async fn insert(db: &impl ConnectionTrait, made: Model) -> Result<(), DbErr> {
    Entity::insert(made.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Forgets a person's requests of before a time.
pub(crate) async fn forget(
    db: &impl ConnectionTrait,
    user: UserId,
    before: Timestamp,
) -> Result<(), DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::CreateTime.lt(before));
    delete.exec(db).await.map(drop)
}
