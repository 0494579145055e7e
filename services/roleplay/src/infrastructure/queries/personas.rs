//! Personas, by their owner.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::domain::ids::{PersonaId, UserId};
use crate::domain::persona::Persona;
use crate::infrastructure::tables::persona::{Column, Entity, Model};

/// The personas of a person.
pub(crate) fn owned_by(user: UserId) -> Select<Entity> {
    Entity::find().filter(Column::UserId.eq(user))
}

/// A persona of a person, if it is theirs.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: PersonaId,
) -> Result<Option<Persona>, DbErr> {
    let model = owned_by(user).filter(Column::Id.eq(id)).one(db).await?;
    Ok(model.map(persona))
}

/// At most `limit` personas of a person that are older than one, newest first.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    before: Option<PersonaId>,
    limit: u64,
) -> Result<Vec<Persona>, DbErr> {
    let mut select = owned_by(user);
    if let Some(before) = before {
        select = select.filter(Column::Id.lt(before));
    }
    let models = select
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    Ok(models.into_iter().map(persona).collect())
}

/// Stores a persona.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    user: UserId,
    persona: &Persona,
) -> Result<(), DbErr> {
    let model = Model {
        id: persona.id,
        user_id: user,
        name: persona.name.clone(),
        description: persona.description.clone(),
        create_time: persona.create_time,
        update_time: persona.update_time,
    };
    Entity::insert(model.into_active_model())
        .exec_without_returning(db)
        .await
        .map(drop)
}

/// Stores what a person changed of a persona.
pub(crate) async fn update(db: &impl ConnectionTrait, persona: &Persona) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Name, Expr::val(&persona.name))
        .col_expr(Column::Description, Expr::val(&persona.description))
        .col_expr(Column::UpdateTime, Expr::val(persona.update_time))
        .filter(Column::Id.eq(persona.id));
    update.exec(db).await.map(drop)
}

/// Deletes a persona of a person.
pub(crate) async fn delete(
    db: &impl ConnectionTrait,
    user: UserId,
    id: PersonaId,
) -> Result<(), DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::Id.eq(id));
    delete.exec(db).await.map(drop)
}

fn persona(model: Model) -> Persona {
    Persona {
        id: model.id,
        name: model.name,
        description: model.description,
        create_time: model.create_time,
        update_time: model.update_time,
    }
}
