//! What requests with an id asked for and what they made: a repeat makes nothing more, and another under the same id is refused.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, binary_null, text, uuid};

pub(super) struct Requests;

impl MigrationName for Requests {
    fn name(&self) -> &'static str {
        "m0005_requests"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Requests {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The release before leaves it empty, and so do the rows that are there: their repeats aren't compared.
        let mut generations = Table::alter();
        generations
            .table("generations")
            .add_column(binary_null("request_hash"));
        manager.alter_table(generations).await?;
        manager.create_table(requests()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

fn requests() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("requests")
        .col(uuid("user_id"))
        .col(text("method"))
        .col(text("parent"))
        .col(text("request_id"));
    table
        .col(binary("request_hash"))
        .col(text("made"))
        .col(big_integer("create_time"));
    let mut key = Index::create();
    key.col("user_id").col("method").col("parent");
    key.col("request_id");
    table.primary_key(&mut key);
    table
}
