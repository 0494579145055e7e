//! Where people logged in from.

use std::time::Duration;

use platform::Timestamp;
use platform::id::UserId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter};

use crate::infrastructure::tables::known_network::{Column, Entity, Model};

/// How old the time of a login may grow: logins of the same moment don't get in each other's way by writing it.
const NOTED_EVERY: Duration = Duration::from_hours(24);

/// True if the person logged in from this network before.
pub(crate) async fn knows(
    db: &impl ConnectionTrait,
    user_id: UserId,
    network: &str,
) -> Result<bool, DbErr> {
    Ok(find(db, user_id, network).await?.is_some())
}

/// Notes that a person logged in from a network.
pub(crate) async fn note(
    db: &impl ConnectionTrait,
    user_id: UserId,
    network: &str,
    now: Timestamp,
) -> Result<(), DbErr> {
    let known = find(db, user_id, network).await?;
    if known.is_some_and(|known| now.since(known.login_time) < NOTED_EVERY) {
        return Ok(());
    }
    let row = Model {
        user_id,
        network: network.to_owned(),
        login_time: now,
    };
    let known = OnConflict::columns([Column::UserId, Column::Network])
        .update_column(Column::LoginTime)
        .to_owned();
    Entity::insert(row.into_active_model())
        .on_conflict(known)
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Deletes the networks that nobody logged in from since a time.
pub(crate) async fn forget(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), DbErr> {
    let old = Entity::delete_many().filter(Column::LoginTime.lt(before));
    old.exec(db).await.map(drop)
}

async fn find(
    db: &impl ConnectionTrait,
    user_id: UserId,
    network: &str,
) -> Result<Option<Model>, DbErr> {
    let id = (user_id, network.to_owned());
    Entity::find_by_id(id).one(db).await
}
