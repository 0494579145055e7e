//! `UsageService`.

use mesh::Ctx;
use service::{Pages, fields};
use tonic::{Request, Response, Status};
use troupe_proto::ai as pb;
use troupe_proto::ai::usage_service_server::UsageService;
use troupe_proto::types::TokenUsage;

use super::routes;
use crate::error::Error;
use crate::infrastructure::ledger::{self, Ledger, Place, TimeRange};
use crate::infrastructure::tables::usage;

#[derive(Debug)]
pub(crate) struct UsageApi {
    pub(crate) ledger: Ledger,
    pub(crate) pages: Pages,
}

#[tonic::async_trait]
impl UsageService for UsageApi {
    async fn list_usage(
        &self,
        request: Request<pb::ListUsageRequest>,
    ) -> Result<Response<pb::ListUsageResponse>, Status> {
        let user_id = Ctx::of(&request)?.user_id()?;
        let request = request.into_inner();
        let scope = format!("usage/{user_id}");
        let page = (self.pages).read::<Place>(scope, request.page_size, &request.page_token)?;
        let rows = self.ledger.list(user_id, page.after, page.limit() as u64);
        let rows = rows.await.map_err(Error::from)?;
        let (rows, next_page_token) = page.cut(rows, Place::of);
        let generations = rows.iter().map(|row| row.generation_id);
        let trails = self.ledger.trails(generations).await.map_err(Error::from)?;
        let entries = rows.into_iter().map(|row| {
            let route = trails.get(&row.generation_id).and_then(routes::decision);
            pb::UsageEntry {
                route,
                ..pb::UsageEntry::from(row)
            }
        });
        Ok(Response::new(pb::ListUsageResponse {
            usage_entries: entries.collect(),
            next_page_token,
        }))
    }

    async fn summarize_usage(
        &self,
        request: Request<pb::SummarizeUsageRequest>,
    ) -> Result<Response<pb::SummarizeUsageResponse>, Status> {
        let user_id = Ctx::of(&request)?.user_id()?;
        let request = request.into_inner();
        let range = TimeRange {
            start: fields::time("start_time", request.start_time)?,
            end: fields::time("end_time", request.end_time)?,
        };
        let sums = self.ledger.summarize(user_id, range).await;
        let sums = sums.map_err(Error::from)?;
        let sums = sums.into_iter().map(pb::UsageSum::from).collect();
        Ok(Response::new(pb::SummarizeUsageResponse { sums }))
    }
}

/// The contract's counts are 32 bits wide; rows hold counts that were.
fn tokens(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

impl From<usage::Model> for pb::UsageEntry {
    fn from(row: usage::Model) -> Self {
        Self {
            generation_id: row.generation_id.to_string(),
            model_id: row.model_id,
            usage: Some(TokenUsage {
                prompt_tokens: tokens(row.prompt_tokens),
                cached_tokens: tokens(row.cached_tokens),
                completion_tokens: tokens(row.completion_tokens),
                cost_pico_usd: row.cost_pico_usd,
                estimated: row.estimated,
                cache_written_tokens: Some(tokens(row.cache_written_tokens)),
                reasoning_tokens: Some(tokens(row.reasoning_tokens)),
            }),
            create_time: Some(row.create_time.into()),
            route: None,
        }
    }
}

impl From<ledger::UsageSum> for pb::UsageSum {
    fn from(sum: ledger::UsageSum) -> Self {
        Self {
            model_id: sum.model_id,
            generation_count: sum.generation_count,
            prompt_tokens: sum.prompt_tokens,
            completion_tokens: sum.completion_tokens,
            cost_pico_usd: sum.cost_pico_usd,
        }
    }
}
