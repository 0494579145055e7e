//! The history of the tables of events. Every service that has events lists it in its own.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, binary, boolean, integer, pk_auto, string, text, uuid,
};
use sea_orm_migration::{MigrationTrait, async_trait};

/// The migrations, oldest first.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Tables), Box::new(Retold)]
}

struct Tables;

impl MigrationName for Tables {
    fn name(&self) -> &'static str {
        "events_m0001_tables"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Tables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [outbox(), inbox(), marks(), dead_letters()] {
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

struct Retold;

impl MigrationName for Retold {
    fn name(&self) -> &'static str {
        "events_m0002_retold"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Retold {
    /// The release before tells nothing again.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["outbox", "dead_letters"] {
            let mut alter = Table::alter();
            alter
                .table(table)
                .add_column(boolean("is_retold").default(false));
            manager.alter_table(alter).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn outbox() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("outbox").col(pk_auto("seq").big_integer());
    event_columns(&mut table).col(big_integer_null("sent_time"));
    table
}

fn inbox() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("inbox")
        .col(string("consumer"))
        .col(uuid("event_id"))
        .col(big_integer("time"));
    table.primary_key(Index::create().col("consumer").col("event_id"));
    table
}

fn marks() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("event_marks")
        .col(string("name").primary_key())
        .col(big_integer("time"));
    table
}

fn dead_letters() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("dead_letters").col(string("consumer"));
    event_columns(&mut table)
        .col(text("problem"))
        .col(integer("tries"))
        .col(big_integer("dead_time"))
        .col(big_integer_null("replay_time"));
    table.primary_key(Index::create().col("consumer").col("event_id"));
    table
}

fn event_columns(table: &mut TableCreateStatement) -> &mut TableCreateStatement {
    table
        .col(uuid("event_id"))
        .col(text("type_name"))
        .col(text("subject"))
        .col(text("key"))
        .col(big_integer("time"))
        .col(binary("payload"))
        .col(text("request_id"))
        .col(text("traceparent"))
}

/// One index finds both what isn't sent, in its order, and what was sent long ago.
fn indexes() -> Vec<IndexCreateStatement> {
    let index = |name: &'static str, table: &'static str, columns: &[&'static str]| {
        let mut index = Index::create();
        index.name(name).table(table);
        for column in columns {
            index.col(*column);
        }
        index
    };
    vec![
        index("outbox_sent", "outbox", &["sent_time", "seq"]),
        index("inbox_time", "inbox", &["time"]),
    ]
}
