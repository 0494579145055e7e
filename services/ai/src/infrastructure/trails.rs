//! How routes chose, and the tries that failed, as the ledger has them beside what was charged.

use std::collections::HashMap;
use std::sync::Arc;

use platform::id::GenerationId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};
use storage::database::{Connection, Transaction};
use troupe_proto::Reason;

use super::tables::{attempts, decisions};
use crate::domain::TokenUsage;
use crate::domain::decision::{Decision, FailedTry, Trail};
use crate::domain::usage::Entry;

/// What stands in the tables of one generation.
#[derive(Debug)]
pub(super) struct Rows {
    decision: Option<decisions::Model>,
    attempts: Vec<attempts::Model>,
}

/// The rows of an entry.
pub(super) fn rows(entry: &Entry) -> Result<Rows, DbErr> {
    let Entry {
        generation_id,
        user_id,
        ..
    } = *entry;
    let decision = entry.trail.decision.as_ref().map(|decision| {
        let candidates = serde_json::to_string(&decision.candidates);
        Ok::<_, DbErr>(decisions::Model {
            generation_id,
            user_id,
            route_id: decision.route_id.to_string(),
            candidates: candidates.map_err(|error| DbErr::Json(error.to_string()))?,
        })
    });
    let attempt = |(number, failed): (i32, &FailedTry)| attempts::Model {
        generation_id,
        create_time: entry.create_time,
        number,
        user_id,
        model_id: failed.model_id.clone(),
        provider: failed.provider.clone(),
        reason: failed.reason.name().to_owned(),
        prompt_tokens: failed.tokens.prompt.into(),
        cached_tokens: failed.tokens.cached.into(),
        cache_written_tokens: failed.tokens.cache_written.into(),
        completion_tokens: failed.tokens.completion.into(),
        reasoning_tokens: failed.tokens.reasoning.into(),
        cost_pico_usd: failed.cost_pico_usd,
        estimated: failed.estimated,
    };
    Ok(Rows {
        decision: decision.transpose()?,
        attempts: (0..).zip(&entry.trail.failed).map(attempt).collect(),
    })
}

/// Writes the rows. The last choice of a generation stands; of its tries, all do.
pub(super) async fn insert(tx: &Transaction<'_>, rows: &Rows) -> Result<(), DbErr> {
    if let Some(decision) = rows.decision.clone() {
        let mut last_stands = OnConflict::column(decisions::Column::GenerationId);
        last_stands.update_columns([decisions::Column::RouteId, decisions::Column::Candidates]);
        let insert = decisions::Entity::insert(decision.into_active_model());
        let insert = insert.on_conflict(last_stands);
        insert.exec_without_returning(tx).await?;
    }
    if !rows.attempts.is_empty() {
        let attempts = rows.attempts.iter().cloned();
        let attempts = attempts.map(IntoActiveModel::into_active_model);
        let mut first_stands = OnConflict::new();
        first_stands.do_nothing();
        let insert = attempts::Entity::insert_many::<attempts::ActiveModel, _>(attempts);
        let insert = insert.on_conflict(first_stands);
        insert.exec_without_returning(tx).await?;
    }
    Ok(())
}

/// What happened before each of these generations, where a route was asked for.
pub(super) async fn of(
    db: &Connection,
    generations: impl Iterator<Item = GenerationId> + Clone,
) -> Result<HashMap<GenerationId, Trail>, DbErr> {
    let of_these = decisions::Column::GenerationId.is_in(generations.clone());
    let decisions = decisions::Entity::find().filter(of_these).all(db).await?;
    let mut trails = HashMap::new();
    for row in decisions {
        let trail = Trail {
            decision: Some(Arc::new(decision(&row)?)),
            failed: Vec::new(),
        };
        trails.insert(row.generation_id, trail);
    }
    let of_these = attempts::Column::GenerationId.is_in(generations);
    let attempts = attempts::Entity::find()
        .filter(of_these)
        .order_by_asc(attempts::Column::CreateTime)
        .order_by_asc(attempts::Column::Number);
    for row in attempts.all(db).await? {
        if let Some(trail) = trails.get_mut(&row.generation_id) {
            trail.failed.push(failed(row));
        }
    }
    Ok(trails)
}

fn decision(row: &decisions::Model) -> Result<Decision, DbErr> {
    let candidates = serde_json::from_str(&row.candidates);
    Ok(Decision {
        route_id: row.route_id.as_str().into(),
        candidates: candidates.map_err(|error| DbErr::Json(error.to_string()))?,
    })
}

fn failed(row: attempts::Model) -> FailedTry {
    let tokens = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    let reason = Reason::from_str_name(&format!("REASON_{}", row.reason));
    FailedTry {
        model_id: row.model_id,
        provider: row.provider,
        // A later version may know more reasons.
        reason: reason.unwrap_or_default(),
        tokens: TokenUsage {
            prompt: tokens(row.prompt_tokens),
            cached: tokens(row.cached_tokens),
            cache_written: tokens(row.cache_written_tokens),
            completion: tokens(row.completion_tokens),
            reasoning: tokens(row.reasoning_tokens),
        },
        cost_pico_usd: row.cost_pico_usd,
        estimated: row.estimated,
    }
}
