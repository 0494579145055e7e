//! Characters, by their owner.

use std::collections::HashMap;

use platform::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use super::words::containing;
use super::{bytes, to_json};
use crate::domain::avatar::AvatarVersion;
use crate::domain::card::Card;
use crate::domain::character::{Character, CharacterAsset, searched_text};
use crate::domain::ids::{CharacterId, UserId};
use crate::domain::search::Word;
use crate::domain::sharing::{Rating, Sharing, Visibility};
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
    whole(db, owned_by(user), id).await
}

/// A character, whosever it is: for who may use it, and for sessions that were opened with it.
pub(crate) async fn anyones(
    db: &impl ConnectionTrait,
    id: CharacterId,
) -> Result<Option<Character>, DbErr> {
    whole(db, Entity::find(), id).await
}

async fn whole(
    db: &impl ConnectionTrait,
    select: Select<Entity>,
    id: CharacterId,
) -> Result<Option<Character>, DbErr> {
    let model = select.filter(Column::Id.eq(id)).one(db).await?;
    let Some(model) = model else { return Ok(None) };
    let mut assets = character_assets::of(db, &[id]).await?;
    character(model, &mut assets).map(Some)
}

/// Whose a character is, what it is called, and how it is shared.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) owner_id: UserId,
    pub(crate) name: String,
    pub(crate) sharing: Sharing,
}

/// Of these characters, whose each is, what it is called, and how it is shared.
pub(crate) async fn known(
    db: &impl ConnectionTrait,
    ids: Vec<CharacterId>,
) -> Result<HashMap<CharacterId, Known>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let select = Entity::find().select_only().columns([
        Column::Id,
        Column::UserId,
        Column::Name,
        Column::Visibility,
        Column::Shown,
        Column::Rating,
    ]);
    let select = select.filter(Column::Id.is_in(ids));
    let found: Vec<(CharacterId, UserId, String, Visibility, bool, Rating)> =
        select.into_tuple().all(db).await?;
    let known = found
        .into_iter()
        .map(|(id, owner_id, name, visibility, shown, rating)| {
            let sharing = Sharing {
                visibility,
                shown,
                rating,
            };
            let known = Known {
                owner_id,
                name,
                sharing,
            };
            (id, known)
        });
    Ok(known.collect())
}

/// The pictures of these characters, as far as they have any.
pub(crate) async fn avatars(
    db: &impl ConnectionTrait,
    ids: Vec<CharacterId>,
) -> Result<HashMap<CharacterId, AvatarVersion>, DbErr> {
    let select = Entity::find()
        .select_only()
        .columns([Column::Id, Column::AvatarVersion])
        .filter(Column::Id.is_in(ids))
        .filter(Column::HasAvatar.eq(true));
    let found: Vec<(CharacterId, String)> = select.into_tuple().all(db).await?;
    let named = found.into_iter();
    Ok(named
        .map(|(id, it)| (id, AvatarVersion::named(it)))
        .collect())
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

/// When each of these characters last changed, whosever they are.
pub(crate) async fn update_times(
    db: &impl ConnectionTrait,
    ids: &[CharacterId],
) -> Result<Vec<(CharacterId, Timestamp)>, DbErr> {
    let select = Entity::find()
        .select_only()
        .columns([Column::Id, Column::UpdateTime])
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
    sizes(db, owned_by(user), words, before, limit).await
}

/// As [`search`], of the characters that are listed and meant for people of these ratings.
pub(crate) async fn search_listed(
    db: &impl ConnectionTrait,
    words: &[Word],
    ratings: &[Rating],
    before: Option<CharacterId>,
    limit: u64,
) -> Result<Vec<(CharacterId, i64)>, DbErr> {
    let listed = listed().filter(Column::Rating.is_in(ratings.iter().copied()));
    sizes(db, listed, words, before, limit).await
}

fn listed() -> Select<Entity> {
    // By its name, as the index has it.
    Entity::find().filter(Expr::col(Column::Visibility).eq(Expr::cust("'listed'")))
}

async fn sizes(
    db: &impl ConnectionTrait,
    mut select: Select<Entity>,
    words: &[Word],
    before: Option<CharacterId>,
    limit: u64,
) -> Result<Vec<(CharacterId, i64)>, DbErr> {
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
    load_of(db, owned_by(user), ids).await
}

/// These characters, as far as they are listed, newest first.
pub(crate) async fn load_listed(
    db: &impl ConnectionTrait,
    ids: Vec<CharacterId>,
) -> Result<Vec<Character>, DbErr> {
    load_of(db, listed(), ids).await
}

async fn load_of(
    db: &impl ConnectionTrait,
    select: Select<Entity>,
    ids: Vec<CharacterId>,
) -> Result<Vec<Character>, DbErr> {
    let mut assets = character_assets::of(db, &ids).await?;
    let select = select
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
        visibility: character.sharing.visibility,
        shown: character.sharing.shown,
        rating: character.sharing.rating,
        create_time: character.create_time,
        update_time: character.update_time,
    };
    Entity::insert(model.into_active_model())
        .exec_without_returning(db)
        .await?;
    character_assets::insert(db, character).await
}

/// Stores a changed character.
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
        .col_expr(Column::Visibility, Expr::val(character.sharing.visibility))
        .col_expr(Column::Shown, Expr::val(character.sharing.shown))
        .col_expr(Column::Rating, Expr::val(character.sharing.rating))
        .col_expr(Column::UpdateTime, Expr::val(character.update_time))
        .filter(Column::Id.eq(character.id));
    update.exec(db).await.map(drop)
}

/// Stores which picture a character has.
pub(crate) async fn set_avatar(
    db: &impl ConnectionTrait,
    character: &Character,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::HasAvatar, Expr::val(character.avatar.is_some()))
        .col_expr(Column::AvatarVersion, Expr::val(version(character)))
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
    to_json(card.document())
}

fn version(character: &Character) -> &str {
    character.avatar.as_ref().map_or("", AvatarVersion::as_str)
}

fn character(
    model: Model,
    assets: &mut HashMap<CharacterId, Vec<CharacterAsset>>,
) -> Result<Character, DbErr> {
    let card = Card::from_document(&model.document).map_err(|e| DbErr::Json(e.to_string()))?;
    Ok(Character {
        id: model.id,
        owner_id: model.user_id,
        card,
        avatar: model
            .has_avatar
            .then(|| AvatarVersion::named(model.avatar_version)),
        assets: assets.remove(&model.id).unwrap_or_default(),
        sharing: Sharing {
            visibility: model.visibility,
            shown: model.shown,
            rating: model.rating,
        },
        create_time: model.create_time,
        update_time: model.update_time,
    })
}
