//! Refresh tokens.

use platform::Timestamp;
use platform::id::{AccessTokenId, LoginSessionId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QuerySelect,
};

use crate::infrastructure::tables::refresh_token::{Column, Entity, Model, RefreshTokenId};

pub(crate) async fn insert(db: &impl ConnectionTrait, token: Model) -> Result<(), DbErr> {
    Entity::insert(token.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

pub(crate) async fn find(
    db: &impl ConnectionTrait,
    id: RefreshTokenId,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

pub(crate) async fn find_by_hash(
    db: &impl ConnectionTrait,
    hash: &[u8; 32],
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::TokenHash.eq(hash.to_vec()))
        .one(db)
        .await
}

/// Records what a token was exchanged for.
pub(crate) async fn spend(
    db: &impl ConnectionTrait,
    token: Model,
    successor: RefreshTokenId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let mut row = token.into_active_model();
    row.spend_time = Set(Some(now));
    row.successor_id = Set(Some(successor));
    row.update(db).await.map(drop)
}

/// Revokes a token that nobody used, and its access token, in favour of another: all that led to it leads there.
pub(crate) async fn replace(
    db: &impl ConnectionTrait,
    token: Model,
    by: RefreshTokenId,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::SuccessorId, Expr::value(by))
        .filter(Column::LoginSessionId.eq(token.login_session_id))
        .filter(Column::SuccessorId.eq(token.id))
        .exec(db)
        .await?;
    let mut row = token.into_active_model();
    row.revoke_time = Set(Some(now));
    row.successor_id = Set(Some(by));
    row.update(db).await.map(drop)
}

/// Records the first use of access tokens.
pub(crate) async fn record_access_use(
    db: &impl ConnectionTrait,
    ids: Vec<AccessTokenId>,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::AccessUseTime, Expr::value(now))
        .filter(Column::AccessTokenId.is_in(ids))
        .filter(Column::AccessUseTime.is_null())
        .exec(db)
        .await
        .map(drop)
}

/// The access tokens that were revoked alone after a time.
pub(crate) async fn list_access_revoked_after(
    db: &impl ConnectionTrait,
    time: Timestamp,
) -> Result<Vec<AccessTokenId>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::AccessTokenId)
        .filter(Column::RevokeTime.gt(time))
        .into_tuple()
        .all(db)
        .await
}

/// Deletes at most `limit` tokens of login sessions. Returns how many there were.
pub(crate) async fn delete_of(
    db: &impl ConnectionTrait,
    sessions: &[LoginSessionId],
    limit: u64,
) -> Result<u64, DbErr> {
    let mut some = Query::select();
    some.column(Column::Id).from(Entity);
    some.and_where(Column::LoginSessionId.is_in(sessions.iter().copied()))
        .limit(limit);
    let delete = Entity::delete_many().filter(Column::Id.in_subquery(some));
    Ok(delete.exec(db).await?.rows_affected)
}
