//! What is kept of a prompt for later, and thoughts, apart from the other tokens.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null};

#[derive(Debug, DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Usage {
    Table,
    CacheWrittenTokens,
    ReasoningTokens,
    CacheWritePrice,
    ReasoningPrice,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            big_integer(Usage::CacheWrittenTokens).default(0).take(),
            big_integer(Usage::ReasoningTokens).default(0).take(),
            big_integer_null(Usage::CacheWritePrice),
            big_integer_null(Usage::ReasoningPrice),
        ];
        for column in columns {
            // One at a time, as SQLite wants it.
            let mut alter = Table::alter();
            alter.table(Usage::Table).add_column(column);
            manager.alter_table(alter).await?;
        }
        Ok(())
    }
}
