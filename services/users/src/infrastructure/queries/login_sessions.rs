//! Login sessions.

use platform::Timestamp;
use platform::id::{LoginSessionId, UserId};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, Select, UpdateMany,
};

use crate::infrastructure::tables::login_session::{Column, Entity, Model};

fn owned_by(user_id: UserId) -> Select<Entity> {
    Entity::find().filter(Column::UserId.eq(user_id))
}

pub(crate) async fn insert(db: &impl ConnectionTrait, session: Model) -> Result<(), DbErr> {
    Entity::insert(session.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// A person's login session, open or not.
pub(crate) async fn find_owned(
    db: &impl ConnectionTrait,
    user_id: UserId,
    id: LoginSessionId,
) -> Result<Option<Model>, DbErr> {
    owned_by(user_id).filter(Column::Id.eq(id)).one(db).await
}

/// A login session, open or not, held until the transaction ends where the database locks rows.
pub(crate) async fn find_and_lock(
    db: &impl ConnectionTrait,
    id: LoginSessionId,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).lock_exclusive().one(db).await
}

fn open(user_id: UserId, now: Timestamp) -> Select<Entity> {
    owned_by(user_id)
        .filter(Column::EndTime.is_null())
        .filter(Column::IdleExpireTime.gt(now))
        .filter(Column::ExpireTime.gt(now))
}

/// A person's open login session.
pub(crate) async fn find_open(
    db: &impl ConnectionTrait,
    user_id: UserId,
    now: Timestamp,
    id: LoginSessionId,
) -> Result<Option<Model>, DbErr> {
    let select = open(user_id, now).filter(Column::Id.eq(id));
    select.one(db).await
}

/// At most `limit` of a person's open login sessions that are older than one, newest first.
pub(crate) async fn list_open(
    db: &impl ConnectionTrait,
    user_id: UserId,
    now: Timestamp,
    before: Option<LoginSessionId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let older = before.map(|before| Column::Id.lt(before));
    open(user_id, now)
        .filter(Condition::all().add_option(older))
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Ends a login session. False if it had ended before.
pub(crate) async fn end(
    db: &impl ConnectionTrait,
    id: LoginSessionId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let end = ending(now).filter(Column::Id.eq(id));
    Ok(end.exec(db).await?.rows_affected > 0)
}

/// Ends at most `limit` login sessions that lapsed after `after` and by now, and returns them. To be called in a transaction:
/// none that is renewed meanwhile is among them.
pub(crate) async fn end_lapsed(
    db: &impl ConnectionTrait,
    after: Timestamp,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<LoginSessionId>, DbErr> {
    let lapsed: Vec<LoginSessionId> = by_lapse(after)
        .column(Column::Id)
        .filter(Column::IdleExpireTime.lte(now))
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let end = ending(now).filter(Column::Id.is_in(lapsed.iter().copied()));
    end.exec(db).await?;
    Ok(lapsed)
}

/// When the first of the open login sessions lapses that does so after a time.
pub(crate) async fn next_lapse(
    db: &impl ConnectionTrait,
    after: Timestamp,
) -> Result<Option<Timestamp>, DbErr> {
    let next = by_lapse(after).column(Column::IdleExpireTime);
    next.into_tuple().one(db).await
}

fn by_lapse(after: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .filter(Column::EndTime.is_null())
        .filter(Column::IdleExpireTime.gt(after))
        .order_by_asc(Column::IdleExpireTime)
}

fn ending(now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::EndTime, Expr::value(now))
        .filter(Column::EndTime.is_null())
}

/// Records that a login session renewed its tokens.
pub(crate) async fn record_use(
    db: &impl ConnectionTrait,
    session: Model,
    now: Timestamp,
    idle_expire_time: Timestamp,
) -> Result<(), DbErr> {
    let mut row = session.into_active_model();
    row.last_use_time = sea_orm::ActiveValue::Set(now);
    row.idle_expire_time = sea_orm::ActiveValue::Set(idle_expire_time);
    row.update(db).await.map(drop)
}

/// The login sessions that ended after a time.
pub(crate) async fn list_ended_after(
    db: &impl ConnectionTrait,
    time: Timestamp,
) -> Result<Vec<LoginSessionId>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::EndTime.gt(time))
        .into_tuple()
        .all(db)
        .await
}

/// At most `limit` login sessions that were ended before a time, or lapsed before it and nobody ended.
pub(crate) async fn list_gone(
    db: &impl ConnectionTrait,
    before: Timestamp,
    limit: u64,
) -> Result<Vec<LoginSessionId>, DbErr> {
    let lapsed = Condition::all()
        .add(Column::EndTime.is_null())
        .add(Column::IdleExpireTime.lt(before));
    let gone = Condition::any().add(Column::EndTime.lt(before)).add(lapsed);
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(gone)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Deletes login sessions that have no refresh tokens any more.
pub(crate) async fn delete(db: &impl ConnectionTrait, ids: &[LoginSessionId]) -> Result<(), DbErr> {
    let delete = Entity::delete_many().filter(Column::Id.is_in(ids.iter().copied()));
    delete.exec(db).await.map(drop)
}
