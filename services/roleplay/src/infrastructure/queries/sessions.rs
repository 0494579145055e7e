//! Sessions: those that somebody takes part in, and what changes in them.

mod seen;

use platform::Timestamp;
use sea_orm::sea_query::{Expr, IntoCondition};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, UpdateMany,
};

use self::seen::{Row, seen_by};
use super::participation::sessions_of;
use super::to_json;
use crate::domain::ids::{BranchId, CharacterId, PersonaId, ScenarioId, SessionId, UserId};
use crate::domain::participant::ParticipantRole;
use crate::domain::session::Session;
use crate::infrastructure::tables::participant;
use crate::infrastructure::tables::session::{Column, Entity, Model};

pub(crate) use self::seen::{Load, find, find_with_load};

/// Where a page of sessions begins: behind this use and id.
pub(crate) type Cursor = (Timestamp, SessionId);

/// Which sessions to list.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filter {
    /// Those with this character.
    pub(crate) character: Option<CharacterId>,
    /// Those in which the person is this.
    pub(crate) role: Option<ParticipantRole>,
    /// Those behind this place.
    pub(crate) after: Option<Cursor>,
}

/// At most `limit` sessions that a person takes part in, most recently used first.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    filter: Filter,
    limit: u64,
) -> Result<Vec<Session>, DbErr> {
    let Filter {
        character,
        role,
        after,
    } = filter;
    let mut select = seen_by(user).filter(Column::Id.in_subquery(sessions_of(user)));
    if let Some(character) = character {
        select = select.filter(with(character));
    }
    select = match role {
        // Also where a release before 0013 opened it.
        Some(ParticipantRole::Owner) => select.filter(Column::UserId.eq(user)),
        Some(role) => select.filter(participant::Column::Role.eq(role)),
        None => select,
    };
    if let Some((time, id)) = after {
        let same_time = Condition::all()
            .add(Column::LastUseTime.eq(time))
            .add(Column::Id.lt(id));
        select = select.filter(
            Condition::any()
                .add(Column::LastUseTime.lt(time))
                .add(same_time),
        );
    }
    let select = select
        .order_by_desc(Column::LastUseTime)
        .order_by_desc(Column::Id);
    let rows = select.limit(limit).into_model::<Row>().all(db).await?;
    rows.into_iter().map(|row| row.seen_by(user)).collect()
}

/// Stores a session; its branch is stored apart.
pub(crate) async fn insert(db: &impl ConnectionTrait, session: &Session) -> Result<(), DbErr> {
    let model = Model {
        id: session.id,
        user_id: session.user_id,
        character_id: session.character_id,
        character_name: session.character_name.clone(),
        persona_id: session.me.persona_id,
        title: session.title.clone(),
        model_id: session.model_id.clone(),
        settings: to_json(&session.settings)?,
        active_branch_id: session.branch.id,
        create_time: session.create_time,
        last_use_time: session.last_use_time,
        update_time: Some(session.update_time),
        scenario_id: session.scenario.as_ref().and_then(|it| it.id),
        scenario_name: session.scenario.as_ref().map(|it| it.name.clone()),
    };
    Entity::insert(model.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Stores what a person may change of a session.
pub(crate) async fn update(db: &impl ConnectionTrait, session: &Session) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::CharacterId, Expr::val(session.character_id))
        .col_expr(Column::CharacterName, Expr::val(&session.character_name))
        .col_expr(Column::Title, Expr::val(&session.title))
        .col_expr(Column::ModelId, Expr::val(&session.model_id))
        .col_expr(Column::Settings, Expr::val(to_json(&session.settings)?))
        .col_expr(Column::UpdateTime, Expr::val(session.update_time))
        .filter(Column::Id.eq(session.id));
    update.exec(db).await.map(drop)
}

/// Turns a session to a branch.
pub(crate) async fn set_branch(
    db: &impl ConnectionTrait,
    id: SessionId,
    branch: BranchId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::ActiveBranchId, Expr::val(branch))
        .col_expr(Column::UpdateTime, Expr::val(now))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Gives a session to another owner.
pub(crate) async fn set_owner(
    db: &impl ConnectionTrait,
    id: SessionId,
    owner: UserId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::UserId, Expr::val(owner))
        .col_expr(Column::PersonaId, Expr::val(None::<PersonaId>))
        .col_expr(Column::UpdateTime, Expr::val(now))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// The note that a session was used.
pub(crate) fn touch(id: SessionId, now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::LastUseTime, Expr::val(now))
        .filter(Column::Id.eq(id))
}

/// Deletes a session of its owner with all that hangs on it. False if it wasn't there.
pub(crate) async fn delete(
    db: &impl ConnectionTrait,
    owner: UserId,
    id: SessionId,
) -> Result<bool, DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::UserId.eq(owner))
        .filter(Column::Id.eq(id));
    Ok(delete.exec(db).await?.rows_affected > 0)
}

/// Whether a person takes part in a session with a character.
pub(crate) async fn are_with(
    db: &impl ConnectionTrait,
    user: UserId,
    character: CharacterId,
) -> Result<bool, DbErr> {
    has_one(db, user, with(character)).await
}

/// That a session has a character.
fn with(character: CharacterId) -> Condition {
    Condition::any()
        .add(Column::CharacterId.eq(character))
        .add(Column::Id.in_subquery(super::cast::sessions_with(character)))
}

/// Whether a person takes part in a session that was started from a scenario.
pub(crate) async fn are_from(
    db: &impl ConnectionTrait,
    user: UserId,
    scenario: ScenarioId,
) -> Result<bool, DbErr> {
    let from = Column::ScenarioId.eq(scenario);
    has_one(db, user, from).await
}

async fn has_one(
    db: &impl ConnectionTrait,
    user: UserId,
    which: impl IntoCondition,
) -> Result<bool, DbErr> {
    let select = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(which)
        .filter(Column::Id.in_subquery(sessions_of(user)))
        .limit(1);
    let found: Option<SessionId> = select.into_tuple().one(db).await?;
    Ok(found.is_some())
}

/// Lets go of a scenario that is deleted.
pub(crate) async fn forget_scenario(
    db: &impl ConnectionTrait,
    id: ScenarioId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::ScenarioId, Expr::val(None::<ScenarioId>))
        .col_expr(Column::UpdateTime, Expr::val(now))
        .filter(Column::ScenarioId.eq(id));
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
