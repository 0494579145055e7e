//! Scenarios, what sessions were started from, and how characters and scenarios are shared.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, integer, pk_uuid, text, text_null, uuid, uuid_null,
};

use super::m0001_tables::goes_with;

pub(super) struct Scenarios;

impl MigrationName for Scenarios {
    fn name(&self) -> &'static str {
        "m0014_scenarios"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Scenarios {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The release before leaves all of them as they are by default: private, and from no scenario.
        let columns = [
            ("characters", text("visibility").default("private").take()),
            ("characters", boolean("shown").default(false).take()),
            ("characters", text("rating").default("unrated").take()),
            ("sessions", uuid_null("scenario_id")),
            ("sessions", text_null("scenario_name")),
        ];
        for (name, column) in columns {
            let mut table = Table::alter();
            table.table(name).add_column(column);
            manager.alter_table(table).await?;
        }
        for table in [
            scenarios(),
            roles("scenario_roles", "scenario_id", "scenarios"),
            lorebooks("scenario_lorebooks", "scenario_id", "scenarios"),
            stories(),
            roles("session_roles", "session_id", "sessions"),
            lorebooks("session_lorebooks", "session_id", "sessions"),
            links(),
        ] {
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
fn scenarios() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("scenarios")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(text("search_text"));
    table
        .col(text("visibility"))
        .col(boolean("shown"))
        .col(text("rating"))
        .col(boolean("is_template"));
    table
        .col(big_integer("document_bytes"))
        .col(big_integer("create_time"))
        .col(big_integer("update_time"))
        .col(text("document"));
    table
}

/// Characters may go while their roles stay, so that column is emptied by the use case.
fn roles(name: &'static str, of: &'static str, table_of: &'static str) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name).col(uuid(of)).col(integer("place"));
    table
        .col(text("name"))
        .col(text("description"))
        .col(uuid_null("character_id"))
        .col(text("character_name"));
    table.primary_key(Index::create().col(of).col("place"));
    table.foreign_key(&mut goes_with(name, of, table_of));
    table
}

fn lorebooks(name: &'static str, of: &'static str, table_of: &'static str) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table(name)
        .col(uuid(of))
        .col(uuid("lorebook_id"))
        .col(integer("place"));
    table.primary_key(Index::create().col(of).col("lorebook_id"));
    table.foreign_key(&mut goes_with(name, of, table_of));
    table.foreign_key(&mut goes_with(name, "lorebook_id", "lorebooks"));
    table
}

fn stories() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("session_stories")
        .col(pk_uuid("session_id"))
        .col(uuid_null("scenario_id"))
        .col(uuid("owner_id"));
    table
        .col(text("role"))
        .col(text("told"))
        .col(text("origin"));
    table.foreign_key(&mut goes_with("session_stories", "session_id", "sessions"));
    table
}

fn links() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("share_links")
        .col(pk_uuid("id"))
        .col(uuid("user_id"))
        .col(uuid_null("character_id"))
        .col(uuid_null("scenario_id"));
    table
        .col(text("title"))
        .col(big_integer("create_time"))
        .col(big_integer_null("expire_time"));
    table.foreign_key(&mut goes_with("share_links", "character_id", "characters"));
    table.foreign_key(&mut goes_with("share_links", "scenario_id", "scenarios"));
    table
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
    let used = |name, table, column| {
        let mut used = index(name, table, &[column]);
        used.and_where(Expr::col(column).is_not_null());
        used
    };
    let mut listed = index("characters_listed", "characters", &["visibility", "id"]);
    listed.and_where(Expr::col("visibility").eq(Expr::cust("'listed'")));
    vec![
        listed,
        index("scenarios_owner", "scenarios", &["user_id", "id"]),
        index("scenarios_listed", "scenarios", &["visibility", "id"]),
        used("scenario_roles_character", "scenario_roles", "character_id"),
        index(
            "scenario_lorebooks_lorebook",
            "scenario_lorebooks",
            &["lorebook_id"],
        ),
        used("session_roles_character", "session_roles", "character_id"),
        index(
            "session_lorebooks_lorebook",
            "session_lorebooks",
            &["lorebook_id"],
        ),
        used("session_stories_scenario", "session_stories", "scenario_id"),
        used("sessions_scenario", "sessions", "scenario_id"),
        index("share_links_owner", "share_links", &["user_id", "id"]),
        used("share_links_character", "share_links", "character_id"),
        used("share_links_scenario", "share_links", "scenario_id"),
    ]
}
