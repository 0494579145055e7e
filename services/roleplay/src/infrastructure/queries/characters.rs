//! Characters, by their owner.

use std::collections::HashMap;

use platform::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use super::words::containing;
use crate::domain::avatar::AvatarVersion;
use crate::domain::card::Card;
use crate::domain::character::{Character, CharacterAsset, searched_text};
use crate::domain::ids::{CharacterId, UserId};
use crate::domain::search::Word;
use crate::infrastructure::queries::character_assets;
use crate::infrastructure::tables::character::{Column, Entity, Model};

/// The characters of a person.
pub(crate) fn owned_by(user: UserId) -> Select<Entity> {
    Entity::find().filter(Column::UserId.eq(user))
}

/// A character of a person, if it is theirs.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: CharacterId,
) -> Result<Option<Character>, DbErr> {
    let model = owned_by(user).filter(Column::Id.eq(id)).one(db).await?;
    let Some(model) = model else { return Ok(None) };
    let mut assets = character_assets::of(db, &[id]).await?;
    character(model, &mut assets).map(Some)
}

/// Whose character it is.
pub(crate) async fn owner(
    db: &impl ConnectionTrait,
    id: CharacterId,
) -> Result<Option<UserId>, DbErr> {
    let select = Entity::find_by_id(id).select_only().column(Column::UserId);
    select.into_tuple().one(db).await
}

/// When a character of a person last changed, if it is theirs.
pub(crate) async fn update_time(
    db: &impl ConnectionTrait,
    user: UserId,
    id: CharacterId,
) -> Result<Option<Timestamp>, DbErr> {
    let select = owned_by(user)
        .filter(Column::Id.eq(id))
        .select_only()
        .column(Column::UpdateTime);
    select.into_tuple().one(db).await
}

/// Whose these characters are, and when each last changed. Whoever asks was found to take part in a session with them.
pub(crate) async fn owners_and_times(
    db: &impl ConnectionTrait,
    ids: &[CharacterId],
) -> Result<Vec<(CharacterId, UserId, Timestamp)>, DbErr> {
    let select = Entity::find()
        .select_only()
        .columns([Column::Id, Column::UserId, Column::UpdateTime])
        .filter(Column::Id.is_in(ids.iter().copied()));
    select.into_tuple().all(db).await
}

/// At most `limit` characters of a person that are older than one and hold all words of a search, newest first,
/// with the size of their documents in bytes.
pub(crate) async fn search(
    db: &impl ConnectionTrait,
    user: UserId,
    words: &[Word],
    before: Option<CharacterId>,
    limit: u64,
) -> Result<Vec<(CharacterId, i64)>, DbErr> {
    let mut select = owned_by(user);
    for word in words {
        select = select.filter(Expr::col(Column::SearchText).like(containing(&word.folded)));
    }
    if let Some(before) = before {
        select = select.filter(Column::Id.lt(before));
    }
    let select = select
        .select_only()
        .columns([Column::Id, Column::DocumentBytes]);
    select
        .order_by_desc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// These characters of a person, newest first.
pub(crate) async fn load(
    db: &impl ConnectionTrait,
    user: UserId,
    ids: Vec<CharacterId>,
) -> Result<Vec<Character>, DbErr> {
    let mut assets = character_assets::of(db, &ids).await?;
    let select = owned_by(user)
        .filter(Column::Id.is_in(ids))
        .order_by_desc(Column::Id);
    let models = select.all(db).await?.into_iter();
    models.map(|model| character(model, &mut assets)).collect()
}

/// Stores a character with its assets.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    user: UserId,
    character: &Character,
) -> Result<(), DbErr> {
    let document = document(&character.card)?;
    let model = Model {
        id: character.id,
        user_id: user,
        name: character.card.name().into_owned(),
        search_text: searched_text(&character.card),
        document_bytes: bytes(&document),
        document,
        has_avatar: character.avatar.is_some(),
        avatar_version: version(character).to_owned(),
        create_time: character.create_time,
        update_time: character.update_time,
    };
    Entity::insert(model.into_active_model())
        .exec_without_returning(db)
        .await?;
    character_assets::insert(db, character).await
}

/// Stores the changed card of a character.
pub(crate) async fn update(db: &impl ConnectionTrait, character: &Character) -> Result<(), DbErr> {
    let document = document(&character.card)?;
    let update = Entity::update_many()
        .col_expr(Column::Name, Expr::val(character.card.name().into_owned()))
        .col_expr(
            Column::SearchText,
            Expr::val(searched_text(&character.card)),
        )
        .col_expr(Column::DocumentBytes, Expr::val(bytes(&document)))
        .col_expr(Column::Document, Expr::val(document))
        .col_expr(Column::UpdateTime, Expr::val(character.update_time))
        .filter(Column::Id.eq(character.id));
    update.exec(db).await.map(drop)
}

/// Deletes a character of a person. False if they have none of that id.
pub(crate) async fn delete(
    db: &impl ConnectionTrait,
    user: UserId,
    id: CharacterId,
) -> Result<bool, DbErr> {
    let delete = Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::Id.eq(id));
    Ok(delete.exec(db).await?.rows_affected > 0)
}

fn document(card: &Card) -> Result<String, DbErr> {
    serde_json::to_string(card.document()).map_err(|e| DbErr::Json(e.to_string()))
}

fn version(character: &Character) -> &str {
    character.avatar.as_ref().map_or("", AvatarVersion::as_str)
}

fn bytes(document: &str) -> i64 {
    i64::try_from(document.len()).unwrap_or(i64::MAX)
}

fn character(
    model: Model,
    assets: &mut HashMap<CharacterId, Vec<CharacterAsset>>,
) -> Result<Character, DbErr> {
    let card = Card::from_document(&model.document).map_err(|e| DbErr::Json(e.to_string()))?;
    Ok(Character {
        id: model.id,
        card,
        avatar: model
            .has_avatar
            .then(|| AvatarVersion::named(model.avatar_version)),
        assets: assets.remove(&model.id).unwrap_or_default(),
        create_time: model.create_time,
        update_time: model.update_time,
    })
}
