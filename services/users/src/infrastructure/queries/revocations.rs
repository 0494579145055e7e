//! What was revoked lately.

use platform::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::infrastructure::access_feed::Revocation;
use crate::infrastructure::tables::revocation::{ActiveModel, Column, Entity, Model};

/// Writes revocations down.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    revocations: &[Revocation],
    now: Timestamp,
) -> Result<(), DbErr> {
    let rows = revocations.iter().map(|revocation| {
        let (session, token) = match *revocation {
            Revocation::LoginSession(id) => (Some(id), None),
            Revocation::Token(id) => (None, Some(id)),
        };
        ActiveModel {
            seq: NotSet,
            login_session_id: Set(session),
            access_token_id: Set(token),
            create_time: Set(now),
        }
    });
    Entity::insert_many(rows)
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// The highest number; 0 where there is none.
pub(crate) async fn highest(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let newest = Entity::find().order_by_desc(Column::Seq).one(db).await?;
    Ok(newest.map_or(0, |row| row.seq))
}

/// At most `limit` revocations beyond a number, or of these numbers, with their own.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    beyond: i64,
    or_of: Vec<i64>,
    limit: u64,
) -> Result<Vec<(i64, Revocation)>, DbErr> {
    let wanted = Condition::any()
        .add(Column::Seq.gt(beyond))
        .add(Column::Seq.is_in(or_of));
    let rows = Entity::find()
        .filter(wanted)
        .order_by_asc(Column::Seq)
        .limit(limit)
        .all(db)
        .await?;
    Ok(rows.iter().filter_map(revocation).collect())
}

fn revocation(row: &Model) -> Option<(i64, Revocation)> {
    let session = row.login_session_id.map(Revocation::LoginSession);
    let revocation = session.or_else(|| row.access_token_id.map(Revocation::Token));
    Some((row.seq, revocation?))
}

/// Deletes what was revoked before a time.
pub(crate) async fn forget(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), DbErr> {
    let old = Entity::delete_many().filter(Column::CreateTime.lt(before));
    old.exec(db).await.map(drop)
}
