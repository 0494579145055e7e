//! Memories, and for each message a jump to an ancestor, by which its others are found in few steps.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, integer_null, pk_uuid, text_null, uuid, uuid_null,
};

use super::m0001_tables::goes_with;

pub(super) struct Memories;

impl MigrationName for Memories {
    fn name(&self) -> &'static str {
        "m0002_memories"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Memories {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(memories()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        // The release before leaves them empty, and so they are in messages of before: such a message has no jump, and
        // the way from it goes by its parent.
        for column in [uuid_null("jump_id"), integer_null("jump_depth")] {
            let mut table = Table::alter();
            table.table("messages").add_column(column);
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn memories() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("memories")
        .col(pk_uuid("id"))
        .col(uuid("session_id"))
        .col(uuid_null("message_id"));
    table.col(text_null("text")).col(boolean("pinned"));
    table.col(boolean("disabled")).col(boolean("forgotten"));
    table
        .col(text_null("embedded_model"))
        .col(big_integer("create_time"))
        .col(big_integer("update_time"));
    table.foreign_key(&mut goes_with("memories", "session_id", "sessions"));
    table.foreign_key(&mut goes_with("memories", "message_id", "messages"));
    table
}

/// Pinned memories and notes are few, and every prompt asks for them.
fn indexes() -> [IndexCreateStatement; 4] {
    let index = |name: &'static str, columns: &[&'static str]| {
        let mut index = Index::create();
        index.name(name).table("memories");
        for column in columns {
            index.col(*column);
        }
        index
    };
    let mut pinned = index("memories_pinned", &["session_id", "id"]);
    pinned.and_where(Expr::col("pinned"));
    let mut notes = index("memories_notes", &["session_id", "id"]);
    notes.and_where(Expr::col("message_id").is_null());
    [
        index("memories_session", &["session_id", "id"]),
        index("memories_message", &["message_id"]),
        pinned,
        notes,
    ]
}
