//! Signing keys.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};

use crate::infrastructure::tables::signing_key::{Column, Entity, Model};

/// The keys in force, newest first.
pub(crate) async fn list_in_force(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::RetireTime.is_null())
        .order_by_desc(Column::CreateTime)
        .all(db)
        .await
}

pub(crate) async fn insert(db: &impl ConnectionTrait, key: Model) -> Result<(), DbErr> {
    Entity::insert(key.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}
