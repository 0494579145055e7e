//! What sessions were started from. Whose a session is, its caller knows already.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::{from_json, to_json};
use crate::domain::ids::{LorebookId, ScenarioId, SessionId, UserId};
use crate::domain::scenario::CastRole;
use crate::domain::story::{NewStory, Origin, Story};
use crate::infrastructure::tables::session_story::{Column, Entity, Model};
use crate::infrastructure::tables::{session_lorebook, session_role};

/// Stores what a new session was started from.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    session: SessionId,
    new: &NewStory,
) -> Result<(), DbErr> {
    let model = Model {
        session_id: session,
        scenario_id: new.story.scenario_id,
        owner_id: new.story.owner_id,
        told: to_json(&new.story.told)?,
        origin: to_json(&new.origin)?,
    };
    Entity::insert(model.into_active_model())
        .exec_without_returning(db)
        .await?;
    let roles = (0..).zip(&new.roles).map(|(place, role)| {
        let model = session_role::Model {
            session_id: session,
            place,
            name: role.name.clone(),
            description: role.description.clone(),
            character_name: role.character_name.clone(),
        };
        model.into_active_model()
    });
    if !new.roles.is_empty() {
        let insert = session_role::Entity::insert_many(roles);
        insert.exec_without_returning(db).await?;
    }
    let books = (0..).zip(&new.lorebook_ids).map(|(place, id)| {
        let model = session_lorebook::Model {
            session_id: session,
            lorebook_id: *id,
            place,
        };
        model.into_active_model()
    });
    if !new.lorebook_ids.is_empty() {
        let insert = session_lorebook::Entity::insert_many(books);
        insert.exec_without_returning(db).await?;
    }
    Ok(())
}

/// What prompts of a session need of what it was started from.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Option<Story>, DbErr> {
    let select = Entity::find_by_id(session).select_only().columns([
        Column::ScenarioId,
        Column::OwnerId,
        Column::Told,
    ]);
    let found: Option<(Option<ScenarioId>, UserId, String)> = select.into_tuple().one(db).await?;
    let story = found.map(|(scenario_id, owner_id, told)| {
        Ok(Story {
            scenario_id,
            owner_id,
            told: from_json(&told)?,
        })
    });
    story.transpose()
}

/// What the story of a session was made of.
pub(crate) async fn origin(
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Option<Origin>, DbErr> {
    let select = Entity::find_by_id(session)
        .select_only()
        .column(Column::Origin);
    let found: Option<String> = select.into_tuple().one(db).await?;
    found.map(|origin| from_json(&origin)).transpose()
}

/// The roles of the scenario that a session was started from, without who plays them.
pub(crate) async fn roles(
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Vec<CastRole>, DbErr> {
    let select = session_role::Entity::find()
        .filter(session_role::Column::SessionId.eq(session))
        .order_by_asc(session_role::Column::Place);
    let models = select.all(db).await?.into_iter();
    let roles = models.map(|model| CastRole {
        name: model.name,
        description: model.description,
        character_name: model.character_name,
        ..CastRole::default()
    });
    Ok(roles.collect())
}

/// The lorebooks that a session was started with.
pub(crate) async fn lorebook_ids(
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Vec<LorebookId>, DbErr> {
    let select = session_lorebook::Entity::find()
        .select_only()
        .column(session_lorebook::Column::LorebookId)
        .filter(session_lorebook::Column::SessionId.eq(session))
        .order_by_asc(session_lorebook::Column::Place);
    select.into_tuple().all(db).await
}

/// Lets go of a scenario that is deleted.
pub(crate) async fn forget_scenario(
    db: &impl ConnectionTrait,
    id: ScenarioId,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::ScenarioId, Expr::val(None::<ScenarioId>))
        .filter(Column::ScenarioId.eq(id));
    update.exec(db).await.map(drop)
}
