//! The ledger of usage: written once for each generation id, read by the person it belongs to.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use events::Outbox;
use platform::Timestamp;
use platform::id::{GenerationId, UserId};
use platform::trace::Cause;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use storage::Database;

use super::history::recorded;
use super::tables::embeddings;
use super::tables::usage::{Column, Entity, Model};
use super::trails;
use crate::domain::decision::Trail;
use crate::domain::usage::{EmbeddingRecord, Entry};

/// The ledger.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    database: Database,
    outbox: Outbox,
}

/// A place in a person's list of usage: the entry after which a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) create_time: Timestamp,
    pub(crate) generation_id: GenerationId,
}

impl Place {
    /// That of an entry.
    pub(crate) fn of(entry: &Model) -> Self {
        Self {
            create_time: entry.create_time,
            generation_id: entry.generation_id,
        }
    }
}

/// As page tokens have it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.create_time.micros(), self.generation_id)
    }
}

/// A text that isn't one of a place.
#[derive(Debug)]
pub(crate) struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (micros, generation_id) = text.split_once('/').ok_or(NoPlace)?;
        let micros = micros.parse().map_err(|_| NoPlace)?;
        Ok(Self {
            create_time: Timestamp::from_micros(micros),
            generation_id: generation_id.parse().map_err(|_| NoPlace)?,
        })
    }
}

/// A range of time: from its start on, up to but not at its end; unbounded where one is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
}

/// What a person's generations with a model took together.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct UsageSum {
    pub(crate) model_id: String,
    pub(crate) generation_count: i64,
    pub(crate) prompt_tokens: i64,
    pub(crate) completion_tokens: i64,
    pub(crate) cost_pico_usd: i64,
}

impl Ledger {
    pub(crate) fn new(database: Database, outbox: Outbox) -> Self {
        Self { database, outbox }
    }

    /// Writes what a generation took, and tells it. Where its id is in the ledger already, the first entry stands.
    pub(crate) async fn record(&self, entry: Entry, cause: &Cause) -> Result<(), DbErr> {
        let first_token = entry.record.as_ref().and_then(|record| record.first_token);
        let trail = &trails::rows(&entry)?;
        let row = &row(entry);
        let mut first_stands = OnConflict::column(Column::GenerationId);
        first_stands.do_nothing();
        let first_stands = &first_stands;
        self.database
            .transaction(|tx| {
                Box::pin(async move {
                    trails::insert(tx, trail).await?;
                    let Some(row) = row else { return Ok(()) };
                    let insert = Entity::insert(row.clone().into_active_model())
                        .on_conflict(first_stands.clone());
                    if insert.exec_without_returning(tx).await? > 0 {
                        let told = recorded(row, first_token);
                        self.outbox.add_retellable(tx, told, cause)?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// What happened before each of a person's generations, where a route was asked for.
    pub(crate) async fn trails(
        &self,
        generations: impl Iterator<Item = GenerationId> + Clone,
    ) -> Result<HashMap<GenerationId, Trail>, DbErr> {
        trails::of(self.database.read(), generations).await
    }

    /// Writes what embeddings took.
    pub(crate) async fn record_embedding(&self, record: EmbeddingRecord) -> Result<(), DbErr> {
        let row = &embeddings::Model {
            id: record.id,
            user_id: record.user_id,
            model_id: record.model_id,
            texts: i64::try_from(record.texts).unwrap_or(i64::MAX),
            tokens: record.tokens.into(),
            price: record.price,
            cost_pico_usd: record.cost_pico_usd,
            estimated: record.estimated,
            create_time: record.create_time,
        };
        self.database
            .transaction(|tx| {
                Box::pin(async move {
                    let insert = embeddings::Entity::insert(row.clone().into_active_model());
                    insert.exec_without_returning(tx).await?;
                    Ok(())
                })
            })
            .await
    }

    /// A person's usage, newest first, from after a place on.
    pub(crate) async fn list(
        &self,
        user_id: UserId,
        after: Option<Place>,
        limit: u64,
    ) -> Result<Vec<Model>, DbErr> {
        let mut entries = owned_by(user_id)
            .order_by_desc(Column::CreateTime)
            .order_by_desc(Column::GenerationId)
            .limit(limit);
        if let Some(place) = after {
            let same_time = Column::CreateTime
                .eq(place.create_time)
                .and(Column::GenerationId.lt(place.generation_id));
            let earlier = Column::CreateTime.lt(place.create_time);
            entries = entries.filter(Condition::any().add(earlier).add(same_time));
        }
        entries.all(self.database.read()).await
    }

    /// What a person's generations in a range of time took, by model.
    pub(crate) async fn summarize(
        &self,
        user_id: UserId,
        range: TimeRange,
    ) -> Result<Vec<UsageSum>, DbErr> {
        let in_range = Condition::all()
            .add_option(range.start.map(|start| Column::CreateTime.gte(start)))
            .add_option(range.end.map(|end| Column::CreateTime.lt(end)));
        // PostgreSQL sums big integers to a decimal.
        let sum = |column: Column| Expr::col(column).sum().cast_as("bigint");
        let mut sums: Vec<UsageSum> = owned_by(user_id)
            .filter(in_range)
            .select_only()
            .column(Column::ModelId)
            .column_as(Column::GenerationId.count(), "generation_count")
            .column_as(sum(Column::PromptTokens), "prompt_tokens")
            .column_as(sum(Column::CompletionTokens), "completion_tokens")
            .column_as(sum(Column::CostPicoUsd), "cost_pico_usd")
            .group_by(Column::ModelId)
            .into_model()
            .all(self.database.read())
            .await?;
        // Not by the database, which may sort text by the rules of a language.
        sums.sort_by(|one, other| one.model_id.cmp(&other.model_id));
        Ok(sums)
    }
}

fn row(entry: Entry) -> Option<Model> {
    let record = entry.record?;
    Some(Model {
        generation_id: entry.generation_id,
        user_id: entry.user_id,
        model_id: record.model_id,
        provider: record.provider,
        prompt_tokens: record.tokens.prompt.into(),
        cached_tokens: record.tokens.cached.into(),
        cache_written_tokens: record.tokens.cache_written.into(),
        completion_tokens: record.tokens.completion.into(),
        reasoning_tokens: record.tokens.reasoning.into(),
        cost_pico_usd: record.cost_pico_usd,
        prompt_price: record.prices.map(|prices| prices.prompt),
        cached_price: record.prices.map(|prices| prices.cached),
        cache_write_price: record.prices.map(|prices| prices.cache_written),
        completion_price: record.prices.map(|prices| prices.completion),
        reasoning_price: record.prices.map(|prices| prices.reasoning),
        estimated: record.estimated,
        outcome: record.outcome,
        create_time: entry.create_time,
    })
}

fn owned_by(user_id: UserId) -> Select<Entity> {
    Entity::find().filter(Column::UserId.eq(user_id))
}
