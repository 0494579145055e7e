//! The first tables. Ids are UUIDs, times are microseconds since 1970 UTC, enumerations are names.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, integer, integer_null, pk_uuid, text, text_null, uuid,
    uuid_null,
};

pub(super) struct Tables;

impl MigrationName for Tables {
    fn name(&self) -> &'static str {
        "m0001_tables"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Tables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [characters(), personas(), sessions(), branches(), messages()] {
            manager.create_table(table).await?;
        }
        for table in [generations(), chunks(), receipts()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The document comes last: what stands before it is read without it.
fn characters() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("characters")
        .col(pk_uuid("id"))
        .col(uuid("user_id"));
    table.col(text("name")).col(text("search_text"));
    table
        .col(big_integer("document_bytes"))
        .col(boolean("has_avatar"));
    table
        .col(big_integer("create_time"))
        .col(big_integer("update_time"));
    table.col(text("document"));
    table
}

fn personas() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("personas")
        .col(pk_uuid("id"))
        .col(uuid("user_id"));
    table.col(text("name")).col(text("description"));
    table
        .col(big_integer("create_time"))
        .col(big_integer("update_time"));
    table
}

/// Characters and personas may go while their sessions stay, so these two columns are emptied by the use cases.
fn sessions() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("sessions")
        .col(pk_uuid("id"))
        .col(uuid("user_id"));
    table
        .col(uuid_null("character_id"))
        .col(text("character_name"))
        .col(uuid_null("persona_id"));
    table
        .col(text("title"))
        .col(text("model_id"))
        .col(text("settings"))
        .col(uuid("active_branch_id"));
    table
        .col(big_integer("create_time"))
        .col(big_integer("last_use_time"));
    table
}

fn branches() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("branches")
        .col(pk_uuid("id"))
        .col(uuid("session_id"))
        .col(text("title"));
    table
        .col(uuid_null("head_message_id"))
        .col(big_integer("create_time"));
    table.foreign_key(&mut goes_with("branches", "session_id", "sessions"));
    table
}

/// A foreign key from parent to message would delete a subtree by nested triggers, which SQLite limits to 1,000 levels.
fn messages() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("messages")
        .col(pk_uuid("id"))
        .col(uuid("session_id"))
        .col(uuid_null("parent_id"));
    table
        .col(text("author"))
        .col(text("speaker_name"))
        .col(text("text"))
        .col(text("state"));
    table
        .col(integer("depth"))
        .col(integer("character_count"))
        .col(integer("swipe_index"));
    table
        .col(uuid_null("last_head_id"))
        .col(uuid_null("generation_id"));
    table
        .col(big_integer("create_time"))
        .col(big_integer_null("edit_time"));
    table.foreign_key(&mut goes_with("messages", "session_id", "sessions"));
    table
}

fn generations() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("generations")
        .col(pk_uuid("id"))
        .col(uuid("session_id"))
        .col(uuid("message_id"));
    table
        .col(text("kind"))
        .col(text("state"))
        .col(text_null("request_id"))
        .col(text("model_id"));
    table.col(text("text")).col(text_null("finish_reason"));
    table
        .col(text_null("error_reason"))
        .col(text_null("error_message"));
    table
        .col(integer_null("prompt_tokens"))
        .col(integer_null("cached_tokens"));
    table
        .col(integer_null("completion_tokens"))
        .col(big_integer_null("cost_pico_usd"));
    table.col(boolean("usage_estimated"));
    table
        .col(big_integer("create_time"))
        .col(big_integer_null("end_time"));
    table.foreign_key(&mut goes_with("generations", "session_id", "sessions"));
    table.foreign_key(&mut goes_with("generations", "message_id", "messages"));
    table
}

fn chunks() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("generation_chunks")
        .col(uuid("generation_id"))
        .col(big_integer("start_offset"))
        .col(text("text"));
    table.primary_key(Index::create().col("generation_id").col("start_offset"));
    table.foreign_key(&mut goes_with(
        "generation_chunks",
        "generation_id",
        "generations",
    ));
    table
}

fn receipts() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("generation_receipts")
        .col(pk_uuid("generation_id"))
        .col(text("receipt"));
    table.foreign_key(&mut goes_with(
        "generation_receipts",
        "generation_id",
        "generations",
    ));
    table
}

/// A foreign key to `id` of another table; its rows are deleted with the other's.
pub(super) fn goes_with(
    from: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    let mut key = ForeignKey::create();
    key.from(from, column)
        .to(to, "id")
        .on_delete(ForeignKeyAction::Cascade);
    key
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |name: &'static str, table: &'static str, columns: &[&'static str]| {
        let mut index = Index::create();
        index.name(name).table(table);
        for column in columns {
            index.col(*column);
        }
        index
    };
    let mut last_heads = index("messages_last_head", "messages", &["last_head_id"]);
    last_heads.and_where(Expr::col("last_head_id").is_not_null());
    let mut requests = index(
        "generations_request",
        "generations",
        &["session_id", "request_id"],
    );
    requests.unique();
    let mut running = index("generations_running", "generations", &["session_id"]);
    running
        .unique()
        .and_where(Expr::col("state").eq(Expr::cust("'running'")));
    vec![
        index("characters_owner", "characters", &["user_id", "id"]),
        index("personas_owner", "personas", &["user_id", "id"]),
        index(
            "sessions_owner",
            "sessions",
            &["user_id", "last_use_time", "id"],
        ),
        index("sessions_character", "sessions", &["character_id"]),
        index("sessions_persona", "sessions", &["persona_id"]),
        index("branches_session", "branches", &["session_id", "id"]),
        index(
            "messages_siblings",
            "messages",
            &["session_id", "parent_id", "swipe_index"],
        ),
        index("generations_message", "generations", &["message_id"]),
        last_heads,
        requests,
        running,
    ]
}
