//! The characters of a session that the caller was found to take part in.

use platform::Timestamp;
use sea_orm::sea_query::{Expr, Func, OnConflict, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryOrder,
};

use super::{from_json, stored, to_json};
use crate::domain::cast::{Cast, CastMember, Part};
use crate::domain::ids::{CharacterId, SessionId};
use crate::domain::session::Session;
use crate::infrastructure::tables::cast_member::{Column, Entity, Model};
use crate::infrastructure::tables::session;

/// The cast of a session.
pub(crate) async fn of(db: &impl ConnectionTrait, session: &Session) -> Result<Cast, DbErr> {
    let select = Entity::find()
        .filter(Column::SessionId.eq(session.id))
        .order_by_asc(Column::Position);
    let listed = select.all(db).await?.into_iter().map(member);
    let first = session.character_id.map(|id| {
        let name = session.character_name.clone();
        CastMember::new(session.id, id, name, session.create_time)
    });
    Ok(Cast::of(listed.collect::<Result<_, _>>()?, first))
}

/// Whether the characters of a session are listed. They aren't where nothing is said but who its one is.
pub(crate) async fn is_listed(
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<bool, DbErr> {
    let select = Entity::find().filter(Column::SessionId.eq(session));
    Ok(select.one(db).await?.is_some())
}

/// The ids of the sessions that list a character.
pub(super) fn sessions_with(character: CharacterId) -> SelectStatement {
    let mut select = Query::select();
    select
        .column(Column::SessionId)
        .from(Entity)
        .and_where(Expr::col(Column::CharacterId).eq(character));
    select
}

/// Stores the cast of a session as it is now.
pub(crate) async fn put(
    db: &impl ConnectionTrait,
    session: SessionId,
    cast: &Cast,
) -> Result<(), DbErr> {
    let ids = cast.members().iter().map(|it| it.character_id);
    let others = Entity::delete_many()
        .filter(Column::SessionId.eq(session))
        .filter(Column::CharacterId.is_not_in(ids));
    others.exec(db).await?;
    let rows = (0..).zip(cast.members()).map(|(position, member)| {
        let model = row(session, position, member);
        model.map(IntoActiveModel::into_active_model)
    });
    let rows: Vec<_> = rows.collect::<Result<_, DbErr>>()?;
    if rows.is_empty() {
        return Ok(());
    }
    let mut was_there = OnConflict::columns([Column::SessionId, Column::CharacterId]);
    was_there.update_columns([
        Column::Position,
        Column::Name,
        Column::Role,
        Column::Muted,
        Column::Talkativeness,
        Column::Aliases,
        Column::UpdateTime,
    ]);
    Entity::insert_many(rows)
        .on_conflict(was_there)
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Takes a character that is deleted out of all casts. Where it was the first, the next one is the session's character.
pub(crate) async fn forget_character(
    db: &impl ConnectionTrait,
    id: CharacterId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let was_in = Entity::delete_many().filter(Column::CharacterId.eq(id));
    was_in.exec(db).await?;
    let update = session::Entity::update_many()
        .col_expr(session::Column::CharacterName, next_name())
        .col_expr(session::Column::CharacterId, next(Column::CharacterId))
        .col_expr(session::Column::UpdateTime, Expr::val(now))
        .filter(session::Column::CharacterId.eq(id));
    update.exec(db).await.map(drop)
}

/// What the first of a session's cast has in a column; nothing where it has no cast.
fn next(column: Column) -> Expr {
    let mut select = Query::select();
    select
        .column((Entity, column))
        .from(Entity)
        .and_where(
            Expr::col((Entity, Column::SessionId)).equals((session::Entity, session::Column::Id)),
        )
        .order_by((Entity, Column::Position), sea_orm::Order::Asc)
        .limit(1);
    Expr::from(select)
}

/// The name of the first of a session's cast, or else the name that it has.
fn next_name() -> Expr {
    let own = Expr::col((session::Entity, session::Column::CharacterName));
    Func::coalesce([next(Column::Name), own]).into()
}

fn row(session: SessionId, position: u32, member: &CastMember) -> Result<Model, DbErr> {
    Ok(Model {
        session_id: session,
        character_id: member.character_id,
        position: stored(position),
        name: member.name.clone(),
        role: member.role.clone(),
        muted: member.part.is_muted,
        talkativeness: member.part.talkativeness,
        aliases: to_json(&member.part.aliases)?,
        create_time: member.create_time,
        update_time: member.update_time,
    })
}

fn member(model: Model) -> Result<CastMember, DbErr> {
    Ok(CastMember {
        session_id: model.session_id,
        character_id: model.character_id,
        name: model.name,
        role: model.role,
        part: Part {
            is_muted: model.muted,
            talkativeness: model.talkativeness,
            aliases: from_json(&model.aliases)?,
        },
        create_time: model.create_time,
        update_time: model.update_time,
    })
}
