//! Scenarios with their casts and lorebooks, by their owner.

mod parts;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select,
};

use self::parts::Parts;
use super::words::containing;
use super::{bytes, from_json, to_json};
use crate::domain::ids::{ScenarioId, UserId};
use crate::domain::scenario::Scenario;
use crate::domain::search::Word;
use crate::domain::sharing::{Rating, Sharing, Visibility};
use crate::infrastructure::tables::scenario::{Column, Entity, Model};

pub(crate) use self::parts::forget_character;

/// Which scenarios a list has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sought {
    /// Words that each must have.
    pub(crate) words: Vec<Word>,
    /// With blanks or without; none for both.
    pub(crate) templates: Option<bool>,
    /// Only those that are older than this one.
    pub(crate) before: Option<ScenarioId>,
}

/// The scenarios of a person.
fn owned_by(user: UserId) -> Select<Entity> {
    Entity::find().filter(Column::UserId.eq(user))
}

fn listed() -> Select<Entity> {
    Entity::find().filter(Column::Visibility.eq(Visibility::Listed))
}

/// A scenario of a person, if it is theirs.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: ScenarioId,
) -> Result<Option<Scenario>, DbErr> {
    let found = whole(db, owned_by(user).filter(Column::Id.eq(id))).await?;
    Ok(found.into_iter().next())
}

/// How many scenarios a person has.
pub(crate) async fn count(db: &impl ConnectionTrait, user: UserId) -> Result<u64, DbErr> {
    owned_by(user).count(db).await
}

/// A scenario, whosever it is: for who may use it.
pub(crate) async fn anyones(
    db: &impl ConnectionTrait,
    id: ScenarioId,
) -> Result<Option<Scenario>, DbErr> {
    let found = whole(db, Entity::find_by_id(id)).await?;
    Ok(found.into_iter().next())
}

/// How a scenario is shared.
pub(crate) async fn sharing(
    db: &impl ConnectionTrait,
    id: ScenarioId,
) -> Result<Option<Sharing>, DbErr> {
    let select = Entity::find_by_id(id).select_only().columns([
        Column::Visibility,
        Column::Shown,
        Column::Rating,
    ]);
    let found: Option<(Visibility, bool, Rating)> = select.into_tuple().one(db).await?;
    Ok(found.map(|(visibility, shown, rating)| Sharing {
        visibility,
        shown,
        rating,
    }))
}

/// At most `limit` scenarios of a person, newest first, with the sizes of their documents in bytes.
pub(crate) async fn search(
    db: &impl ConnectionTrait,
    user: UserId,
    sought: &Sought,
    limit: u64,
) -> Result<Vec<(ScenarioId, i64)>, DbErr> {
    sizes(db, owned_by(user), sought, limit).await
}

/// As [`search`], of those that are listed and meant for people of these ratings.
pub(crate) async fn search_listed(
    db: &impl ConnectionTrait,
    sought: &Sought,
    ratings: &[Rating],
    limit: u64,
) -> Result<Vec<(ScenarioId, i64)>, DbErr> {
    let listed = listed().filter(Column::Rating.is_in(ratings.iter().copied()));
    sizes(db, listed, sought, limit).await
}

async fn sizes(
    db: &impl ConnectionTrait,
    mut select: Select<Entity>,
    sought: &Sought,
    limit: u64,
) -> Result<Vec<(ScenarioId, i64)>, DbErr> {
    for word in &sought.words {
        select = select.filter(Expr::col(Column::SearchText).like(containing(&word.folded)));
    }
    if let Some(templates) = sought.templates {
        select = select.filter(Column::IsTemplate.eq(templates));
    }
    if let Some(before) = sought.before {
        select = select.filter(Column::Id.lt(before));
    }
    let select = select
        .select_only()
        .columns([Column::Id, Column::DocumentBytes]);
    let select = select.order_by_desc(Column::Id).limit(limit);
    select.into_tuple().all(db).await
}

/// These scenarios of a person, newest first.
pub(crate) async fn load(
    db: &impl ConnectionTrait,
    user: UserId,
    ids: Vec<ScenarioId>,
) -> Result<Vec<Scenario>, DbErr> {
    whole(db, owned_by(user).filter(Column::Id.is_in(ids))).await
}

/// These scenarios, as far as they are listed, newest first.
pub(crate) async fn load_listed(
    db: &impl ConnectionTrait,
    ids: Vec<ScenarioId>,
) -> Result<Vec<Scenario>, DbErr> {
    whole(db, listed().filter(Column::Id.is_in(ids))).await
}

async fn whole(db: &impl ConnectionTrait, select: Select<Entity>) -> Result<Vec<Scenario>, DbErr> {
    let models = select.order_by_desc(Column::Id).all(db).await?;
    let ids: Vec<ScenarioId> = models.iter().map(|model| model.id).collect();
    let mut parts = Parts::of(db, &ids).await?;
    let models = models.into_iter();
    models.map(|model| scenario(model, &mut parts)).collect()
}

/// Stores a scenario.
pub(crate) async fn insert(db: &impl ConnectionTrait, scenario: &Scenario) -> Result<(), DbErr> {
    Entity::insert(model(scenario)?.into_active_model())
        .exec_without_returning(db)
        .await?;
    parts::insert(db, scenario).await
}

/// Stores a changed scenario.
pub(crate) async fn update(db: &impl ConnectionTrait, scenario: &Scenario) -> Result<(), DbErr> {
    let model = model(scenario)?;
    let update = Entity::update_many()
        .col_expr(Column::SearchText, Expr::val(model.search_text))
        .col_expr(Column::Visibility, Expr::val(model.visibility))
        .col_expr(Column::Shown, Expr::val(model.shown))
        .col_expr(Column::Rating, Expr::val(model.rating))
        .col_expr(Column::IsTemplate, Expr::val(model.is_template))
        .col_expr(Column::DocumentBytes, Expr::val(model.document_bytes))
        .col_expr(Column::Document, Expr::val(model.document))
        .col_expr(Column::UpdateTime, Expr::val(model.update_time))
        .filter(Column::Id.eq(scenario.id));
    update.exec(db).await?;
    parts::delete(db, scenario.id).await?;
    parts::insert(db, scenario).await
}

/// Deletes a scenario of a person, with the links to it.
pub(crate) async fn delete(
    db: &impl ConnectionTrait,
    user: UserId,
    id: ScenarioId,
) -> Result<(), DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::Id.eq(id));
    delete.exec(db).await.map(drop)
}

fn model(scenario: &Scenario) -> Result<Model, DbErr> {
    let document = to_json(&scenario.script)?;
    Ok(Model {
        id: scenario.id,
        user_id: scenario.owner_id,
        search_text: scenario.script.searched_text(),
        visibility: scenario.sharing.visibility,
        shown: scenario.sharing.shown,
        rating: scenario.sharing.rating,
        is_template: scenario.is_template(),
        document_bytes: bytes(&document),
        create_time: scenario.create_time,
        update_time: scenario.update_time,
        document,
    })
}

fn scenario(model: Model, parts: &mut Parts) -> Result<Scenario, DbErr> {
    let script = from_json(&model.document)?;
    Ok(Scenario {
        id: model.id,
        owner_id: model.user_id,
        script,
        cast: parts.casts.remove(&model.id).unwrap_or_default(),
        lorebook_ids: parts.lorebooks.remove(&model.id).unwrap_or_default(),
        sharing: Sharing {
            visibility: model.visibility,
            shown: model.shown,
            rating: model.rating,
        },
        create_time: model.create_time,
        update_time: model.update_time,
    })
}
