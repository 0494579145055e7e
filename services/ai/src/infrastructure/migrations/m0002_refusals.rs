//! What model servers refused.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text};

#[derive(Debug, DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Refusals {
    Table,
    Server,
    Model,
    Refusal,
    CreateTime,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut key = Index::create()
            .col(Refusals::Server)
            .col(Refusals::Model)
            .col(Refusals::Refusal)
            .to_owned();
        let table = Table::create()
            .table(Refusals::Table)
            .col(text(Refusals::Server))
            .col(text(Refusals::Model))
            .col(text(Refusals::Refusal))
            .col(big_integer(Refusals::CreateTime))
            .primary_key(&mut key)
            .to_owned();
        manager.create_table(table).await
    }
}
