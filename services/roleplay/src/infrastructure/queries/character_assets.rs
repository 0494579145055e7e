//! The assets of characters. Whose a character is, its caller knows already.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};

use crate::domain::card::AssetName;
use crate::domain::character::{Character, CharacterAsset};
use crate::domain::ids::{AssetId, CharacterId};
use crate::infrastructure::tables::character_asset::{Column, Entity, Model};

/// Rows of one statement: each has ten values, of which a database takes a limited number.
const ROWS_AT_ONCE: usize = 500;

/// The assets of these characters, in the order of their cards.
pub(crate) async fn of(
    db: &impl ConnectionTrait,
    characters: &[CharacterId],
) -> Result<HashMap<CharacterId, Vec<CharacterAsset>>, DbErr> {
    let select = Entity::find().filter(Column::CharacterId.is_in(characters.iter().copied()));
    let models = select.order_by_asc(Column::Place).all(db).await?;
    let mut assets: HashMap<_, Vec<_>> = HashMap::new();
    for model in models {
        let of_character = assets.entry(model.character_id).or_default();
        of_character.push(asset(model));
    }
    Ok(assets)
}

/// Stores the assets of a new character.
pub(crate) async fn insert(db: &impl ConnectionTrait, character: &Character) -> Result<(), DbErr> {
    let models: Vec<Model> = (0..)
        .zip(&character.assets)
        .map(|(place, asset)| model(character.id, place, asset))
        .collect();
    for some in models.chunks(ROWS_AT_ONCE) {
        let rows = some.iter().map(|model| model.clone().into_active_model());
        Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Deletes an asset.
pub(crate) async fn delete(db: &impl ConnectionTrait, id: AssetId) -> Result<(), DbErr> {
    Entity::delete_by_id(id).exec(db).await.map(drop)
}

fn model(character_id: CharacterId, place: i32, asset: &CharacterAsset) -> Model {
    let CharacterAsset {
        id,
        name,
        file_id,
        media_type,
        size_bytes,
    } = asset.clone();
    Model {
        id,
        character_id,
        place,
        kind: name.kind,
        name: name.name,
        extension: name.extension,
        uri: name.uri,
        file_id,
        media_type,
        size_bytes,
    }
}

fn asset(model: Model) -> CharacterAsset {
    CharacterAsset {
        id: model.id,
        name: AssetName {
            kind: model.kind,
            name: model.name,
            extension: model.extension,
            uri: model.uri,
        },
        file_id: model.file_id,
        media_type: model.media_type,
        size_bytes: model.size_bytes,
    }
}
