//! Bookmarks.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, pk_uuid, text, uuid};

use super::m0001_tables::goes_with;

pub(super) struct Bookmarks;

impl MigrationName for Bookmarks {
    fn name(&self) -> &'static str {
        "m0009_bookmarks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Bookmarks {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(bookmarks()).await?;
        let index = |name: &'static str, columns: &[&'static str]| {
            let mut index = Index::create();
            index.name(name).table("bookmarks");
            for column in columns {
                index.col(*column);
            }
            index
        };
        let mut once = index("bookmarks_once", &["user_id", "message_id"]);
        once.unique();
        manager.create_index(once).await?;
        for index in [
            index("bookmarks_owner", &["user_id", "id"]),
            // By these, what goes with a message or a session is found.
            index("bookmarks_message", &["message_id"]),
            index("bookmarks_session", &["session_id", "user_id", "id"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn bookmarks() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("bookmarks")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(uuid("session_id"))
        .col(uuid("message_id"));
    table
        .col(text("title"))
        .col(big_integer("create_time"))
        .col(big_integer("update_time"));
    table.foreign_key(&mut goes_with("bookmarks", "session_id", "sessions"));
    table.foreign_key(&mut goes_with("bookmarks", "message_id", "messages"));
    table
}
