//! The characters of sessions that have several, and whose messages are.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, float_null, integer, text, uuid, uuid_null};

use super::m0001_tables::goes_with;

pub(super) struct CastMembers;

impl MigrationName for CastMembers {
    fn name(&self) -> &'static str {
        "m0015_cast"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CastMembers {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(members()).await?;
        let mut of_character = Index::create();
        of_character.name("cast_members_character");
        of_character.table("cast_members").col("character_id");
        manager.create_index(of_character).await?;
        // The release before leaves them empty: then a message is of the session's character, and nothing follows a generation.
        for (table, column) in [
            ("messages", uuid_null("character_id")),
            ("generations", uuid_null("next_id")),
        ] {
            let mut alter = Table::alter();
            alter.table(table).add_column(column);
            manager.alter_table(alter).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn members() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("cast_members")
        .col(uuid("session_id"))
        .col(uuid("character_id"))
        .col(integer("position"))
        .col(text("name"));
    table
        .col(boolean("muted"))
        .col(float_null("talkativeness"))
        .col(text("aliases"))
        .col(big_integer("create_time"))
        .col(big_integer("update_time"));
    table.primary_key(Index::create().col("session_id").col("character_id"));
    let session = &mut goes_with("cast_members", "session_id", "sessions");
    table.foreign_key(session);
    let character = &mut goes_with("cast_members", "character_id", "characters");
    table.foreign_key(character);
    table
}
