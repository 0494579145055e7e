//! What the ledger knows of what happened, told and told again.

use std::time::Duration;

use events::{History, HistoryPage, Retellable, Retold};
use platform::id::GenerationId;
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use storage::database::{Connection, Transaction};
use troupe_proto::events::{UsageOutcome, UsageRecorded};

use super::tables::usage::{Column, Entity, Model};
use crate::domain::Outcome;

/// The ledger has what a generation took.
pub(super) fn recorded(entry: &Model, first_token: Option<Duration>) -> Retellable<UsageRecorded> {
    let outcome = match entry.outcome {
        Outcome::Stop => UsageOutcome::Stop,
        Outcome::Length => UsageOutcome::Length,
        Outcome::ContentFilter => UsageOutcome::ContentFilter,
        Outcome::Cancelled => UsageOutcome::Cancelled,
        Outcome::Interrupted => UsageOutcome::Interrupted,
    };
    Retellable {
        event: UsageRecorded {
            generation_id: entry.generation_id.to_string(),
            user_id: entry.user_id.to_string(),
            model_id: entry.model_id.clone(),
            provider: entry.provider.clone(),
            prompt_tokens: entry.prompt_tokens,
            cached_tokens: entry.cached_tokens,
            completion_tokens: entry.completion_tokens,
            cache_written_tokens: entry.cache_written_tokens,
            reasoning_tokens: entry.reasoning_tokens,
            cost_pico_usd: entry.cost_pico_usd,
            priced: entry.prompt_price.is_some(),
            estimated: entry.estimated,
            outcome: outcome.into(),
            time_to_first_token: first_token.and_then(|took| took.try_into().ok()),
        },
        of: entry.generation_id.to_string(),
        time: entry.create_time,
    }
}

/// The history of the ledger.
#[derive(Debug)]
pub struct Chronicle;

impl History for Chronicle {
    type Place = GenerationId;

    async fn count(db: &Connection) -> Result<u64, DbErr> {
        Entity::find().count(db).await
    }

    async fn page(
        tx: &Transaction<'_>,
        after: Option<GenerationId>,
        limit: u64,
    ) -> Result<HistoryPage<GenerationId>, DbErr> {
        let mut entries = Entity::find().order_by_asc(Column::GenerationId);
        if let Some(after) = after {
            entries = entries.filter(Column::GenerationId.gt(after));
        }
        let entries = entries.limit(limit).all(tx).await?;
        let rows = entries.len() as u64;
        let last = entries.last().map(|entry| entry.generation_id);
        let told = entries.iter().map(|entry| recorded(entry, None));
        Ok(HistoryPage {
            events: told.map(Retold::from).collect(),
            rows,
            next: last.filter(|_| rows == limit),
        })
    }
}
