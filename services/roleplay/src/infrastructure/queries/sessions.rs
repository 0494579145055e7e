//! Sessions, by their owner.

use platform::Timestamp;
use sea_orm::sea_query::{Expr, IntoCondition};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel,
    JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, UpdateMany,
};

use super::generations::is_running;
use crate::domain::ids::{
    BranchId, CharacterId, GenerationId, MessageId, PersonaId, ScenarioId, SessionId, UserId,
};
use crate::domain::session::{Branch, ReplySettings, Session, SessionScenario};
use crate::infrastructure::tables::session::{Column, Entity, Model};
use crate::infrastructure::tables::{branch, generation};

/// A session with the branch that it is turned to, and the generation that runs in it.
#[derive(Debug, FromQueryResult)]
struct Row {
    #[sea_orm(nested)]
    session: Model,
    branch_title: String,
    branch_head: Option<MessageId>,
    branch_create_time: Timestamp,
    branch_update_time: Option<Timestamp>,
    running: Option<GenerationId>,
}

#[derive(Debug, FromQueryResult)]
struct Counted {
    #[sea_orm(nested)]
    row: Row,
    running_of_person: i64,
}

impl TryFrom<Row> for Session {
    type Error = DbErr;

    fn try_from(row: Row) -> Result<Self, DbErr> {
        let model = row.session;
        let settings =
            serde_json::from_str(&model.settings).map_err(|e| DbErr::Json(e.to_string()))?;
        Ok(Self {
            id: model.id,
            user_id: model.user_id,
            character_id: model.character_id,
            character_name: model.character_name,
            persona_id: model.persona_id,
            scenario: model.scenario_name.map(|name| SessionScenario {
                id: model.scenario_id,
                name,
            }),
            title: model.title,
            model_id: model.model_id,
            settings,
            branch: Branch {
                id: model.active_branch_id,
                session_id: model.id,
                title: row.branch_title,
                head: row.branch_head,
                create_time: row.branch_create_time,
                update_time: row.branch_update_time.unwrap_or(row.branch_create_time),
            },
            running_generation_id: row.running,
            create_time: model.create_time,
            last_use_time: model.last_use_time,
            update_time: model.update_time.unwrap_or(model.create_time),
        })
    }
}

/// The sessions of a person.
fn owned_by(user: UserId) -> Select<Entity> {
    let branch = Entity::belongs_to(branch::Entity)
        .from(Column::ActiveBranchId)
        .to(branch::Column::Id);
    // One at most runs in a session.
    let running = Entity::belongs_to(generation::Entity)
        .from(Column::Id)
        .to(generation::Column::SessionId)
        .on_condition(|_, _| is_running().into_condition());
    Entity::find()
        .join(JoinType::InnerJoin, branch.into())
        .join(JoinType::LeftJoin, running.into())
        .column_as(branch::Column::Title, "branch_title")
        .column_as(branch::Column::HeadMessageId, "branch_head")
        .column_as(branch::Column::CreateTime, "branch_create_time")
        .column_as(branch::Column::UpdateTime, "branch_update_time")
        .column_as(generation::Column::Id, "running")
        .filter(Column::UserId.eq(user))
}

async fn read(db: &impl ConnectionTrait, select: Select<Entity>) -> Result<Vec<Session>, DbErr> {
    let rows = select.into_model::<Row>().all(db).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// A session of a person, if it is theirs.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: SessionId,
) -> Result<Option<Session>, DbErr> {
    let row = owned_by(user).filter(Column::Id.eq(id));
    let row = row.into_model::<Row>().one(db).await?;
    row.map(TryInto::try_into).transpose()
}

/// As [`find`], with how many generations of the person run, in all sessions and processes. What a process leaves that dies
/// counts until somebody ends it.
pub(crate) async fn find_and_count_running(
    db: &impl ConnectionTrait,
    user: UserId,
    id: SessionId,
) -> Result<Option<(Session, u64)>, DbErr> {
    let running = generation::Entity::find()
        .select_only()
        .column_as(generation::Column::Id.count(), "running")
        .filter(generation::Column::UserId.eq(user))
        .filter(is_running())
        .into_query();
    let select = owned_by(user)
        .filter(Column::Id.eq(id))
        .expr_as(Expr::from(running), "running_of_person");
    let found = select.into_model::<Counted>().one(db).await?;
    let counted = found.map(|found| {
        let running = u64::try_from(found.running_of_person).unwrap_or(0);
        Ok((found.row.try_into()?, running))
    });
    counted.transpose()
}

/// Where a page of sessions begins: behind this use and id.
pub(crate) type Cursor = (Timestamp, SessionId);

/// At most `limit` sessions of a person behind a cursor, most recently used first.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    character: Option<CharacterId>,
    after: Option<Cursor>,
    limit: u64,
) -> Result<Vec<Session>, DbErr> {
    let mut select = owned_by(user);
    if let Some(character) = character {
        select = select.filter(Column::CharacterId.eq(character));
    }
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
    read(db, select.limit(limit)).await
}

/// Stores a session; its branch is stored apart.
pub(crate) async fn insert(db: &impl ConnectionTrait, session: &Session) -> Result<(), DbErr> {
    let model = Model {
        id: session.id,
        user_id: session.user_id,
        character_id: session.character_id,
        character_name: session.character_name.clone(),
        persona_id: session.persona_id,
        title: session.title.clone(),
        model_id: session.model_id.clone(),
        settings: written(&session.settings)?,
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
        .col_expr(Column::PersonaId, Expr::val(session.persona_id))
        .col_expr(Column::ModelId, Expr::val(&session.model_id))
        .col_expr(Column::Settings, Expr::val(written(&session.settings)?))
        .col_expr(Column::UpdateTime, Expr::val(session.update_time))
        .filter(Column::Id.eq(session.id));
    update.exec(db).await.map(drop)
}

fn written(settings: &ReplySettings) -> Result<String, DbErr> {
    serde_json::to_string(settings).map_err(|e| DbErr::Json(e.to_string()))
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

/// The note that a session was used.
pub(crate) fn touch(id: SessionId, now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::LastUseTime, Expr::val(now))
        .filter(Column::Id.eq(id))
}

/// Deletes a session with all that hangs on it. False if it wasn't there.
pub(crate) async fn delete(
    db: &impl ConnectionTrait,
    user: UserId,
    id: SessionId,
) -> Result<bool, DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::Id.eq(id));
    Ok(delete.exec(db).await?.rows_affected > 0)
}

/// Lets go of a character that is deleted.
pub(crate) async fn forget_character(
    db: &impl ConnectionTrait,
    id: CharacterId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::CharacterId, Expr::val(None::<CharacterId>))
        .col_expr(Column::UpdateTime, Expr::val(now))
        .filter(Column::CharacterId.eq(id));
    update.exec(db).await.map(drop)
}

/// Whether a person has a session with a character.
pub(crate) async fn are_with(
    db: &impl ConnectionTrait,
    user: UserId,
    character: CharacterId,
) -> Result<bool, DbErr> {
    let with = Column::CharacterId.eq(character);
    has_one(db, user, with).await
}

/// Whether a person has a session that was started from a scenario.
pub(crate) async fn are_from(
    db: &impl ConnectionTrait,
    user: UserId,
    scenario: ScenarioId,
) -> Result<bool, DbErr> {
    let from = Column::ScenarioId.eq(scenario);
    has_one(db, user, from).await
}

async fn has_one(db: &impl ConnectionTrait, user: UserId, which: Expr) -> Result<bool, DbErr> {
    let select = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(which)
        .filter(Column::UserId.eq(user))
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
