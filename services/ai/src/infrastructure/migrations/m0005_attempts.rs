//! How routes chose, and the tries that failed.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, integer, string, text, uuid};

#[derive(Debug, DeriveMigrationName)]
pub(super) struct Migration;

#[derive(DeriveIden)]
enum Attempts {
    Table,
    GenerationId,
    CreateTime,
    Number,
    UserId,
    ModelId,
    Provider,
    Reason,
    PromptTokens,
    CachedTokens,
    CacheWrittenTokens,
    CompletionTokens,
    ReasoningTokens,
    CostPicoUsd,
    Estimated,
}

#[derive(DeriveIden)]
enum Decisions {
    Table,
    GenerationId,
    UserId,
    RouteId,
    Candidates,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut key = Index::create()
            .col(Attempts::GenerationId)
            .col(Attempts::CreateTime)
            .col(Attempts::Number)
            .to_owned();
        let attempts = Table::create()
            .table(Attempts::Table)
            .col(uuid(Attempts::GenerationId))
            .col(big_integer(Attempts::CreateTime))
            .col(integer(Attempts::Number))
            .col(uuid(Attempts::UserId))
            .col(text(Attempts::ModelId))
            .col(string(Attempts::Provider))
            .col(string(Attempts::Reason))
            .col(big_integer(Attempts::PromptTokens))
            .col(big_integer(Attempts::CachedTokens))
            .col(big_integer(Attempts::CacheWrittenTokens))
            .col(big_integer(Attempts::CompletionTokens))
            .col(big_integer(Attempts::ReasoningTokens))
            .col(big_integer(Attempts::CostPicoUsd))
            .col(boolean(Attempts::Estimated))
            .primary_key(&mut key)
            .to_owned();
        manager.create_table(attempts).await?;
        let decisions = Table::create()
            .table(Decisions::Table)
            .col(uuid(Decisions::GenerationId).primary_key())
            .col(uuid(Decisions::UserId))
            .col(string(Decisions::RouteId))
            .col(text(Decisions::Candidates))
            .to_owned();
        manager.create_table(decisions).await
    }
}
