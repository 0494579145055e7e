//! The processes that run generations, their leases and heartbeats.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
};

use crate::domain::holder::Holder;
use crate::domain::ids::HolderId;
use crate::infrastructure::tables::holder::{Column, Entity, Model};

/// Counts a beat of a process, the first one too.
pub(crate) async fn beat(db: &impl ConnectionTrait, id: HolderId) -> Result<(), DbErr> {
    let first = Model { id, beats: 1 };
    let beats = Expr::col((Entity, Column::Beats)).add(1);
    let next = OnConflict::column(Column::Id)
        .value(Column::Beats, beats)
        .to_owned();
    Entity::insert(first.into_active_model())
        .on_conflict(next)
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// All of them.
pub(crate) async fn list(db: &impl ConnectionTrait) -> Result<Vec<Holder>, DbErr> {
    let models = Entity::find().all(db).await?.into_iter();
    let holder = |Model { id, beats, .. }| Holder { id, beats };
    Ok(models.map(holder).collect())
}

/// Whether a process is among them.
pub(crate) async fn exists(db: &impl ConnectionTrait, id: HolderId) -> Result<bool, DbErr> {
    Ok(Entity::find_by_id(id).one(db).await?.is_some())
}

/// Takes a process out that has gone, or goes.
pub(crate) async fn delete(db: &impl ConnectionTrait, id: HolderId) -> Result<(), DbErr> {
    Entity::delete_by_id(id).exec(db).await.map(drop)
}

/// Removes a process that is declared dead. False if it has sent a heartbeat since, or was removed already.
pub(crate) async fn bury(db: &impl ConnectionTrait, holder: Holder) -> Result<bool, DbErr> {
    let bury = Entity::delete_by_id(holder.id).filter(Column::Beats.eq(holder.beats));
    Ok(bury.exec(db).await?.rows_affected > 0)
}
