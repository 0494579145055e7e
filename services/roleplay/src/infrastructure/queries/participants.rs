//! Who takes part in sessions.

use platform::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel, JoinType,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, UpdateMany,
};

use crate::domain::ids::{InvitationId, ParticipantId, PersonaId, SessionId, UserId};
use crate::domain::participant::{Participant, ParticipantRole, Seat};
use crate::infrastructure::tables::participant::{Column, Entity, Model};
use crate::infrastructure::tables::persona;

#[derive(Debug, FromQueryResult)]
struct Row {
    #[sea_orm(nested)]
    model: Model,
    persona_name: Option<String>,
    persona_description: Option<String>,
}

/// Those who take part in a session, or did.
fn of_session(session: SessionId) -> Select<Entity> {
    let played = Entity::belongs_to(persona::Entity)
        .from(Column::PersonaId)
        .to(persona::Column::Id);
    Entity::find()
        .join(JoinType::LeftJoin, played.into())
        .column_as(persona::Column::Name, "persona_name")
        .column_as(persona::Column::Description, "persona_description")
        .filter(Column::SessionId.eq(session))
}

async fn read(
    db: &impl ConnectionTrait,
    select: Select<Entity>,
) -> Result<Vec<Participant>, DbErr> {
    let rows = select.into_model::<Row>().all(db).await?;
    Ok(rows.into_iter().map(participant).collect())
}

/// Somebody who takes part in a session now.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    session: SessionId,
    id: ParticipantId,
) -> Result<Option<Participant>, DbErr> {
    let select = of_session(session)
        .filter(Column::Id.eq(id))
        .filter(Column::EndTime.is_null());
    Ok(read(db, select).await?.pop())
}

/// What a session knows of a person, also of one who doesn't take part any more.
pub(crate) async fn find_ever(
    db: &impl ConnectionTrait,
    session: SessionId,
    user: UserId,
) -> Result<Option<Participant>, DbErr> {
    let select = of_session(session).filter(Column::UserId.eq(user));
    Ok(read(db, select).await?.pop())
}

/// At most `limit` of those who take part in a session now, behind one, by who first joined.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    session: SessionId,
    after: Option<ParticipantId>,
    limit: u64,
) -> Result<Vec<Participant>, DbErr> {
    let mut select = of_session(session).filter(Column::EndTime.is_null());
    if let Some(after) = after {
        select = select.filter(Column::Id.gt(after));
    }
    read(db, select.order_by_asc(Column::Id).limit(limit)).await
}

/// How many take part in a session now.
pub(crate) async fn count(db: &impl ConnectionTrait, session: SessionId) -> Result<u64, DbErr> {
    let select = Entity::find()
        .filter(Column::SessionId.eq(session))
        .filter(Column::EndTime.is_null());
    select.count(db).await
}

/// Stores somebody's place in a session as it is now, whether they have had one there or not.
pub(crate) async fn put(
    db: &impl ConnectionTrait,
    session: SessionId,
    seat: &Seat,
    now: Timestamp,
) -> Result<(), DbErr> {
    let model = Model {
        id: seat.id,
        session_id: session,
        user_id: seat.user_id,
        role: seat.role,
        persona_id: seat.persona_id,
        name: seat.name.clone(),
        create_time: now,
        update_time: now,
        end_time: None,
        barred_until: None,
    };
    let mut was_there = OnConflict::columns([Column::SessionId, Column::UserId]);
    was_there.update_columns([
        Column::Role,
        Column::PersonaId,
        Column::Name,
        Column::UpdateTime,
        Column::EndTime,
    ]);
    Entity::insert(model.into_active_model())
        .on_conflict(was_there)
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// The note of what somebody's profile calls them now.
pub(crate) fn rename(id: ParticipantId, name: &str) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::Name, Expr::val(name))
        .filter(Column::Id.eq(id))
}

/// Ends somebody's part in a session. What they said stays theirs.
pub(crate) async fn end(
    db: &impl ConnectionTrait,
    id: ParticipantId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Role, Expr::val(ParticipantRole::Spectator))
        .col_expr(Column::PersonaId, Expr::val(None::<PersonaId>))
        .col_expr(Column::EndTime, Expr::val(now))
        .col_expr(Column::UpdateTime, Expr::val(now))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Notes that no invitation up to one brings somebody in again, whatever becomes of them.
pub(crate) async fn bar(
    db: &impl ConnectionTrait,
    id: ParticipantId,
    until: Option<InvitationId>,
) -> Result<(), DbErr> {
    let Some(until) = until else {
        return Ok(());
    };
    let update = Entity::update_many()
        .col_expr(Column::BarredUntil, Expr::val(until))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Lets go of a persona that is deleted.
pub(crate) async fn forget_persona(
    db: &impl ConnectionTrait,
    id: PersonaId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::PersonaId, Expr::val(None::<PersonaId>))
        .col_expr(Column::UpdateTime, Expr::val(now))
        .filter(Column::PersonaId.eq(id));
    update.exec(db).await.map(drop)
}

fn participant(row: Row) -> Participant {
    let Row {
        model,
        persona_name,
        persona_description,
    } = row;
    Participant {
        seat: Seat {
            id: model.id,
            user_id: model.user_id,
            role: model.role,
            persona_id: model.persona_id,
            name: model.name,
        },
        session_id: model.session_id,
        persona: persona_name.zip(persona_description),
        create_time: model.create_time,
        update_time: model.update_time,
        end_time: model.end_time,
        barred_until: model.barred_until,
    }
}
