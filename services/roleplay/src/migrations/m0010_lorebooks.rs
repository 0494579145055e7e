//! Lorebooks that stand by themselves, and the characters that they are attached to.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, pk_uuid, text, uuid};

use super::m0001_tables::goes_with;

pub(super) struct Lorebooks;

impl MigrationName for Lorebooks {
    fn name(&self) -> &'static str {
        "m0010_lorebooks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Lorebooks {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(lorebooks()).await?;
        manager.create_table(attachments()).await?;
        let mut owner = Index::create();
        owner.name("lorebooks_owner").table("lorebooks");
        owner.col("user_id").col("id");
        manager.create_index(owner).await?;
        let mut attached = Index::create();
        attached.name("character_lorebooks_lorebook");
        attached.table("character_lorebooks").col("lorebook_id");
        manager.create_index(attached).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The document comes last: what stands before it is read without it.
fn lorebooks() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("lorebooks")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(big_integer("document_bytes"));
    table
        .col(big_integer("create_time"))
        .col(big_integer("update_time"))
        .col(text("document"));
    table
}

fn attachments() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("character_lorebooks")
        .col(uuid("character_id"))
        .col(uuid("lorebook_id"))
        .col(integer("place"));
    table.primary_key(Index::create().col("character_id").col("lorebook_id"));
    let character = &mut goes_with("character_lorebooks", "character_id", "characters");
    table.foreign_key(character);
    let lorebook = &mut goes_with("character_lorebooks", "lorebook_id", "lorebooks");
    table.foreign_key(lorebook);
    table
}
