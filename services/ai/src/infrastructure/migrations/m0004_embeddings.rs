//! The ledger of embeddings.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, boolean, text, uuid, uuid_null};

#[derive(Debug, DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Embeddings {
    Table,
    Id,
    UserId,
    ModelId,
    Texts,
    Tokens,
    Price,
    CostPicoUsd,
    Estimated,
    CreateTime,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Embeddings::Table)
            .col(uuid(Embeddings::Id).primary_key())
            .col(uuid_null(Embeddings::UserId))
            .col(text(Embeddings::ModelId))
            .col(big_integer(Embeddings::Texts))
            .col(big_integer(Embeddings::Tokens))
            .col(big_integer_null(Embeddings::Price))
            .col(big_integer(Embeddings::CostPicoUsd))
            .col(boolean(Embeddings::Estimated))
            .col(big_integer(Embeddings::CreateTime))
            .to_owned();
        manager.create_table(table).await
    }
}
