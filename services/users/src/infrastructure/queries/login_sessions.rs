//! Login sessions.

use platform::Timestamp;
use platform::id::{LoginSessionId, UserId};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::infrastructure::tables::login_session::{Column, Entity, Model};

/// How many open login sessions are listed.
const LISTED: u64 = 100;

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

/// A person's open login sessions, newest first.
pub(crate) async fn list_open(
    db: &impl ConnectionTrait,
    user_id: UserId,
    now: Timestamp,
) -> Result<Vec<Model>, DbErr> {
    owned_by(user_id)
        .filter(Column::EndTime.is_null())
        .filter(Column::IdleExpireTime.gt(now))
        .filter(Column::ExpireTime.gt(now))
        .order_by_desc(Column::Id)
        .limit(LISTED)
        .all(db)
        .await
}

/// True if the person logged in from this network before.
pub(crate) async fn knows_network(
    db: &impl ConnectionTrait,
    user_id: UserId,
    network: &str,
) -> Result<bool, DbErr> {
    let logins = owned_by(user_id).filter(Column::ClientNetwork.eq(network));
    Ok(logins.limit(1).count(db).await? > 0)
}

/// Ends a login session. False if it had ended before.
pub(crate) async fn end(
    db: &impl ConnectionTrait,
    id: LoginSessionId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let ended = Entity::update_many()
        .col_expr(Column::EndTime, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::EndTime.is_null())
        .exec(db)
        .await?;
    Ok(ended.rows_affected > 0)
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
