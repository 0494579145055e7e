//! The casts and the lorebooks of scenarios.

use std::collections::HashMap;

use platform::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use crate::domain::cast::Part;
use crate::domain::ids::{CharacterId, LorebookId, ScenarioId};
use crate::domain::scenario::{CastRole, Scenario};
use crate::infrastructure::queries::{from_json, to_json};
use crate::infrastructure::tables::{scenario, scenario_lorebook, scenario_role};

/// The parts of several scenarios.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) casts: HashMap<ScenarioId, Vec<CastRole>>,
    pub(super) lorebooks: HashMap<ScenarioId, Vec<LorebookId>>,
}

impl Parts {
    pub(super) async fn of(db: &impl ConnectionTrait, ids: &[ScenarioId]) -> Result<Self, DbErr> {
        use scenario_lorebook::Column as Book;
        use scenario_role::Column as Role;
        let mut parts = Self::default();
        if ids.is_empty() {
            return Ok(parts);
        }
        let select = scenario_role::Entity::find()
            .filter(Role::ScenarioId.is_in(ids.iter().copied()))
            .order_by_asc(Role::Place);
        for model in select.all(db).await? {
            let cast = parts.casts.entry(model.scenario_id).or_default();
            cast.push(CastRole {
                name: model.name,
                description: model.description,
                character_id: model.character_id,
                character_name: model.character_name,
                part: Part {
                    is_muted: model.muted,
                    talkativeness: model.talkativeness,
                    aliases: from_json(&model.aliases)?,
                },
            });
        }
        let select = scenario_lorebook::Entity::find()
            .filter(Book::ScenarioId.is_in(ids.iter().copied()))
            .order_by_asc(Book::Place);
        for model in select.all(db).await? {
            let books = parts.lorebooks.entry(model.scenario_id).or_default();
            books.push(model.lorebook_id);
        }
        Ok(parts)
    }
}

/// Stores the parts of a scenario that has none.
pub(super) async fn insert(db: &impl ConnectionTrait, scenario: &Scenario) -> Result<(), DbErr> {
    let roles = (0..).zip(&scenario.cast).map(|(place, role)| {
        let model = scenario_role::Model {
            muted: role.part.is_muted,
            talkativeness: role.part.talkativeness,
            aliases: to_json(&role.part.aliases)?,
            scenario_id: scenario.id,
            place,
            name: role.name.clone(),
            description: role.description.clone(),
            character_id: role.character_id,
            character_name: role.character_name.clone(),
        };
        Ok(model.into_active_model())
    });
    if !scenario.cast.is_empty() {
        let roles: Vec<_> = roles.collect::<Result<_, DbErr>>()?;
        let insert = scenario_role::Entity::insert_many(roles);
        insert.exec_without_returning(db).await?;
    }
    let books = (0..).zip(&scenario.lorebook_ids).map(|(place, id)| {
        let model = scenario_lorebook::Model {
            scenario_id: scenario.id,
            lorebook_id: *id,
            place,
        };
        model.into_active_model()
    });
    if !scenario.lorebook_ids.is_empty() {
        let insert = scenario_lorebook::Entity::insert_many(books);
        insert.exec_without_returning(db).await?;
    }
    Ok(())
}

/// Deletes the parts of a scenario.
pub(super) async fn delete(db: &impl ConnectionTrait, id: ScenarioId) -> Result<(), DbErr> {
    let roles =
        scenario_role::Entity::delete_many().filter(scenario_role::Column::ScenarioId.eq(id));
    roles.exec(db).await?;
    let books = scenario_lorebook::Entity::delete_many()
        .filter(scenario_lorebook::Column::ScenarioId.eq(id));
    books.exec(db).await.map(drop)
}

/// Opens the roles of a character that is deleted.
pub(crate) async fn forget_character(
    db: &impl ConnectionTrait,
    id: CharacterId,
    now: Timestamp,
) -> Result<(), DbErr> {
    use scenario_role::Column as Role;
    let of_it = scenario_role::Entity::find()
        .select_only()
        .column(Role::ScenarioId)
        .filter(Role::CharacterId.eq(id))
        .into_query();
    let touch = scenario::Entity::update_many()
        .col_expr(scenario::Column::UpdateTime, Expr::val(now))
        .filter(scenario::Column::Id.in_subquery(of_it));
    touch.exec(db).await?;
    let open = scenario_role::Entity::update_many()
        .col_expr(Role::CharacterId, Expr::val(None::<CharacterId>))
        .filter(Role::CharacterId.eq(id));
    open.exec(db).await.map(drop)
}
