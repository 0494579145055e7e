//! The ledger of usage.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, boolean, string, text, uuid};

#[derive(Debug, DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Usage {
    Table,
    GenerationId,
    UserId,
    ModelId,
    Provider,
    PromptTokens,
    CachedTokens,
    CompletionTokens,
    CostPicoUsd,
    PromptPrice,
    CachedPrice,
    CompletionPrice,
    Estimated,
    Outcome,
    CreateTime,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Usage::Table)
            .col(uuid(Usage::GenerationId).primary_key())
            .col(uuid(Usage::UserId))
            .col(text(Usage::ModelId))
            .col(string(Usage::Provider))
            .col(big_integer(Usage::PromptTokens))
            .col(big_integer(Usage::CachedTokens))
            .col(big_integer(Usage::CompletionTokens))
            .col(big_integer(Usage::CostPicoUsd))
            .col(big_integer_null(Usage::PromptPrice))
            .col(big_integer_null(Usage::CachedPrice))
            .col(big_integer_null(Usage::CompletionPrice))
            .col(boolean(Usage::Estimated))
            .col(string(Usage::Outcome))
            .col(big_integer(Usage::CreateTime))
            .to_owned();
        manager.create_table(table).await?;
        // A person's usage is read newest first; the id makes the order total.
        let index = Index::create()
            .name("usage_user_id_create_time_generation_id")
            .table(Usage::Table)
            .col(Usage::UserId)
            .col(Usage::CreateTime)
            .col(Usage::GenerationId)
            .to_owned();
        manager.create_index(index).await
    }
}
