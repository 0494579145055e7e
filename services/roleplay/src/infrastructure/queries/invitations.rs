//! Invitations to sessions.

use platform::Timestamp;
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel,
    JoinType, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::{counted, stored};
use crate::domain::ids::{InvitationId, SessionId, UserId};
use crate::domain::invitation::Invitation;
use crate::infrastructure::tables::invitation::{Column, Entity, Model};
use crate::infrastructure::tables::session;

#[derive(Debug, FromQueryResult)]
struct Row {
    #[sea_orm(nested)]
    model: Model,
    session_title: String,
    character_name: String,
}

fn with_session() -> Select<Entity> {
    let of_session = Entity::belongs_to(session::Entity)
        .from(Column::SessionId)
        .to(session::Column::Id);
    Entity::find()
        .join(JoinType::InnerJoin, of_session.into())
        .column_as(session::Column::Title, "session_title")
        .column_as(session::Column::CharacterName, "character_name")
}

async fn read(db: &impl ConnectionTrait, select: Select<Entity>) -> Result<Vec<Invitation>, DbErr> {
    let rows = select.into_model::<Row>().all(db).await?;
    Ok(rows.into_iter().map(invitation).collect())
}

/// An invitation to a session.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: InvitationId,
) -> Result<Option<Invitation>, DbErr> {
    let select = with_session()
        .filter(Column::SessionId.eq(session))
        .filter(Column::Id.eq(id));
    Ok(read(db, select).await?.pop())
}

/// The invitation that a token belongs to, by the token's hash.
pub(crate) async fn find_by_token(
    db: &impl ConnectionTrait,
    token_hash: Vec<u8>,
) -> Result<Option<Invitation>, DbErr> {
    let select = with_session().filter(Column::TokenHash.eq(token_hash));
    Ok(read(db, select).await?.pop())
}

/// An invitation of a person.
pub(crate) async fn find_of_person(
    db: &impl ConnectionTrait,
    user: UserId,
    id: InvitationId,
) -> Result<Option<Invitation>, DbErr> {
    let select = with_session()
        .filter(Column::UserId.eq(user))
        .filter(Column::Id.eq(id));
    Ok(read(db, select).await?.pop())
}

/// At most `limit` invitations to a session that are older than one, newest first.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    session: SessionId,
    before: Option<InvitationId>,
    limit: u64,
) -> Result<Vec<Invitation>, DbErr> {
    let mut select = with_session().filter(Column::SessionId.eq(session));
    if let Some(before) = before {
        select = select.filter(Column::Id.lt(before));
    }
    read(db, select.order_by_desc(Column::Id).limit(limit)).await
}

/// At most `limit` invitations of a person that hold and are older than one, newest first.
pub(crate) async fn list_of_person(
    db: &impl ConnectionTrait,
    user: UserId,
    before: Option<InvitationId>,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Invitation>, DbErr> {
    let mut select = with_session()
        .filter(Column::UserId.eq(user))
        .filter(Column::UseCount.eq(0))
        .filter(Column::ExpireTime.gt(now));
    if let Some(before) = before {
        select = select.filter(Column::Id.lt(before));
    }
    read(db, select.order_by_desc(Column::Id).limit(limit)).await
}

/// How many invitations a session has.
pub(crate) async fn count(db: &impl ConnectionTrait, session: SessionId) -> Result<u64, DbErr> {
    let select = Entity::find().filter(Column::SessionId.eq(session));
    select.count(db).await
}

/// The newest invitation of a session, whatever became of it.
pub(crate) async fn newest(
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Option<InvitationId>, DbErr> {
    let select = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::SessionId.eq(session))
        .order_by_desc(Column::Id);
    select.into_tuple().one(db).await
}

/// Stores an invitation, with the hash of its token if it has one.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    new: &Invitation,
    token_hash: Option<Vec<u8>>,
) -> Result<(), DbErr> {
    let model = Model {
        id: new.id,
        session_id: new.session_id,
        inviter_id: new.inviter_id,
        user_id: new.user_id,
        token_hash,
        role: new.role,
        max_uses: new.max_uses.map(stored),
        use_count: stored(new.use_count),
        create_time: new.create_time,
        expire_time: new.expire_time,
    };
    Entity::insert(model.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Gives an invitation another token.
pub(crate) async fn set_token(
    db: &impl ConnectionTrait,
    id: InvitationId,
    token_hash: Vec<u8>,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::TokenHash, Expr::val(token_hash))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Counts a use. False if there were as many as there may be.
pub(crate) async fn use_once(db: &impl ConnectionTrait, id: InvitationId) -> Result<bool, DbErr> {
    let uses = || Expr::col((Entity, Column::UseCount));
    let is_left = Condition::any()
        .add(Column::MaxUses.is_null())
        .add(uses().lt(Expr::col((Entity, Column::MaxUses))));
    let update = Entity::update_many()
        .col_expr(Column::UseCount, uses().add(1))
        .filter(Column::Id.eq(id))
        .filter(is_left);
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Deletes an invitation. False if it wasn't there.
pub(crate) async fn delete(db: &impl ConnectionTrait, id: InvitationId) -> Result<bool, DbErr> {
    Ok(Entity::delete_by_id(id).exec(db).await?.rows_affected > 0)
}

/// Deletes the invitations to a session that ended before a time.
pub(crate) async fn forget_ended(
    db: &impl ConnectionTrait,
    session: SessionId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::SessionId.eq(session))
        .filter(Column::ExpireTime.lte(now));
    delete.exec(db).await.map(drop)
}

/// Deletes the invitations of a person to a session.
pub(crate) async fn forget_person(
    db: &impl ConnectionTrait,
    session: SessionId,
    user: UserId,
) -> Result<(), DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::SessionId.eq(session))
        .filter(Column::UserId.eq(user));
    delete.exec(db).await.map(drop)
}

fn invitation(row: Row) -> Invitation {
    let Row {
        model,
        session_title,
        character_name,
    } = row;
    Invitation {
        id: model.id,
        session_id: model.session_id,
        session_title,
        character_name,
        role: model.role,
        user_id: model.user_id,
        inviter_id: model.inviter_id,
        max_uses: model.max_uses.map(counted),
        use_count: counted(model.use_count),
        create_time: model.create_time,
        expire_time: model.expire_time,
    }
}
