//! What characters have beside their pictures: emotions, backgrounds, other icons.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, pk_uuid, text, uuid};

use super::m0001_tables::goes_with;

pub(super) struct CharacterAssets;

impl MigrationName for CharacterAssets {
    fn name(&self) -> &'static str {
        "m0012_character_assets"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CharacterAssets {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("character_assets")
            .col(pk_uuid("id"))
            .col(uuid("character_id"))
            .col(integer("place"));
        table.col(text("kind")).col(text("name"));
        table.col(text("extension")).col(text("uri"));
        table
            .col(uuid("file_id"))
            .col(text("media_type"))
            .col(big_integer("size_bytes"));
        let mut key = goes_with("character_assets", "character_id", "characters");
        table.foreign_key(&mut key);
        manager.create_table(table).await?;
        let mut index = Index::create();
        index
            .name("character_assets_character")
            .table("character_assets");
        index.col("character_id").col("place");
        manager.create_index(index).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
