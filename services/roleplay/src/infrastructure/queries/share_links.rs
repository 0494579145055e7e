//! Links to characters and scenarios, by their owner.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use crate::domain::ids::{CharacterId, ScenarioId, ShareLinkId, UserId};
use crate::domain::sharing::{ShareLink, Shared};
use crate::infrastructure::tables::share_link::{Column, Entity, Model};

/// Which links a list has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sought {
    /// Only links to this character.
    pub(crate) character: Option<CharacterId>,
    /// Only links to this scenario.
    pub(crate) scenario: Option<ScenarioId>,
    /// Only those that are older than this one.
    pub(crate) before: Option<ShareLinkId>,
}

/// The links of a person.
fn owned_by(user: UserId) -> Select<Entity> {
    Entity::find().filter(Column::UserId.eq(user))
}

/// A link of a person, if it is theirs.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: ShareLinkId,
) -> Result<Option<ShareLink>, DbErr> {
    let model = owned_by(user).filter(Column::Id.eq(id)).one(db).await?;
    model.map(link).transpose()
}

/// A link, whosever it is: for who has its token.
pub(crate) async fn anyones(
    db: &impl ConnectionTrait,
    id: ShareLinkId,
) -> Result<Option<ShareLink>, DbErr> {
    let model = Entity::find_by_id(id).one(db).await?;
    model.map(link).transpose()
}

/// How many links a person has.
pub(crate) async fn count(db: &impl ConnectionTrait, user: UserId) -> Result<u64, DbErr> {
    owned_by(user).count(db).await
}

/// At most `limit` links of a person, newest first.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    sought: Sought,
    limit: u64,
) -> Result<Vec<ShareLink>, DbErr> {
    let mut select = owned_by(user);
    if let Some(character) = sought.character {
        select = select.filter(Column::CharacterId.eq(character));
    }
    if let Some(scenario) = sought.scenario {
        select = select.filter(Column::ScenarioId.eq(scenario));
    }
    if let Some(before) = sought.before {
        select = select.filter(Column::Id.lt(before));
    }
    let select = select.order_by_desc(Column::Id).limit(limit);
    select.all(db).await?.into_iter().map(link).collect()
}

/// Stores a link.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    user: UserId,
    link: &ShareLink,
) -> Result<(), DbErr> {
    let (character_id, scenario_id) = match link.to {
        Shared::Character(id) => (Some(id), None),
        Shared::Scenario(id) => (None, Some(id)),
    };
    let model = Model {
        id: link.id,
        user_id: user,
        character_id,
        scenario_id,
        title: link.title.clone(),
        create_time: link.create_time,
        expire_time: link.expire_time,
    };
    Entity::insert(model.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Deletes a link. False if it wasn't there.
pub(crate) async fn delete(
    db: &impl ConnectionTrait,
    user: UserId,
    id: ShareLinkId,
) -> Result<bool, DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::Id.eq(id));
    Ok(delete.exec(db).await?.rows_affected > 0)
}

fn link(model: Model) -> Result<ShareLink, DbErr> {
    let to = match (model.character_id, model.scenario_id) {
        (Some(id), _) => Shared::Character(id),
        (None, Some(id)) => Shared::Scenario(id),
        (None, None) => return Err(DbErr::Custom("a link leads nowhere".to_owned())),
    };
    Ok(ShareLink {
        id: model.id,
        to,
        title: model.title,
        expire_time: model.expire_time,
        create_time: model.create_time,
    })
}
