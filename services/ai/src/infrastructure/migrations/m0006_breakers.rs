//! Models whose circuit breakers aren't closed.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, text};

#[derive(Debug, DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Breakers {
    Table,
    ModelId,
    Cause,
    UntilTime,
    ChangeTime,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Breakers::Table)
            .col(text(Breakers::ModelId).primary_key())
            .col(string(Breakers::Cause))
            .col(big_integer(Breakers::UntilTime))
            .col(big_integer(Breakers::ChangeTime))
            .to_owned();
        manager.create_table(table).await
    }
}
