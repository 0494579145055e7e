//! Accounts.

use platform::Timestamp;
use platform::id::UserId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DbErr, EntityTrait,
    IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::domain::profile::Change;
use crate::infrastructure::tables::user::{ActiveModel, Column, Entity, Model};

pub(crate) async fn find(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

pub(crate) async fn find_by_email(
    db: &impl ConnectionTrait,
    email_key: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::EmailKey.eq(email_key))
        .one(db)
        .await
}

/// Adds an account. False if the address has one already.
pub(crate) async fn insert_if_free(db: &impl ConnectionTrait, user: Model) -> Result<bool, DbErr> {
    let free = OnConflict::column(Column::EmailKey).do_nothing().to_owned();
    let inserted = Entity::insert(user.into_active_model())
        .on_conflict(free)
        .exec_without_returning(db)
        .await?;
    Ok(inserted > 0)
}

/// How many accounts there are.
pub(crate) async fn count(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find().count(db).await
}

/// At most `limit` accounts behind one, each with when it was registered.
pub(crate) async fn list_registered(
    db: &impl ConnectionTrait,
    after: Option<UserId>,
    limit: u64,
) -> Result<Vec<(UserId, Timestamp)>, DbErr> {
    let mut select = Entity::find()
        .select_only()
        .columns([Column::Id, Column::CreateTime])
        .order_by_asc(Column::Id);
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after));
    }
    select.limit(limit).into_tuple().all(db).await
}

/// Changes a profile and returns it as it is then.
pub(crate) async fn update_profile(
    db: &impl ConnectionTrait,
    user: Model,
    change: Change,
    now: Timestamp,
) -> Result<Model, DbErr> {
    let mut row: ActiveModel = user.into_active_model();
    set(&mut row.display_name, change.display_name);
    set(&mut row.bio, change.bio);
    set(&mut row.locale, change.locale);
    row.update_time = ActiveValue::Set(now);
    row.update(db).await
}

fn set(field: &mut ActiveValue<String>, value: Option<String>) {
    if let Some(value) = value {
        *field = ActiveValue::Set(value);
    }
}
