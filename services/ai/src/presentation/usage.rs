//! `UsageService`.

use mesh::Ctx;
use platform::Timestamp;
use platform::id::{GenerationId, UserId};
use storage::page::PageTokens;
use tonic::{Request, Response, Status};
use troupe_proto::Classify;
use troupe_proto::ai::usage_service_server::UsageService;
use troupe_proto::ai::{
    ListUsageRequest, ListUsageResponse, SummarizeUsageRequest, SummarizeUsageResponse, UsageEntry,
    UsageSum,
};

use crate::error::Error;
use crate::infrastructure::ledger::{self, Ledger, Place};
use crate::infrastructure::tables::usage;

const DEFAULT_PAGE_SIZE: usize = 50;

#[derive(Debug)]
pub(crate) struct UsageHandler {
    pub(crate) ledger: Ledger,
    pub(crate) page_tokens: PageTokens,
}

#[tonic::async_trait]
impl UsageService for UsageHandler {
    async fn list_usage(
        &self,
        request: Request<ListUsageRequest>,
    ) -> Result<Response<ListUsageResponse>, Status> {
        let user_id = Ctx::of(&request)?.user_id()?;
        let request = request.into_inner();
        let scope = scope(user_id);
        let cursor = self.page_tokens.open(&scope, &request.page_token)?;
        let after = cursor.as_deref().and_then(read_cursor);
        let size = match usize::try_from(request.page_size) {
            Ok(0) | Err(_) => DEFAULT_PAGE_SIZE,
            Ok(size) => size,
        };
        // One more than a page tells whether there is another.
        let mut rows = self
            .ledger
            .list(user_id, after, size as u64 + 1)
            .await
            .map_err(|error| Error::from(error).to_status())?;
        let has_more = rows.len() > size;
        rows.truncate(size);
        let last = rows.last().filter(|_| has_more);
        let next = last.map(|row| self.page_tokens.seal(&scope, write_cursor(row).as_bytes()));
        Ok(Response::new(ListUsageResponse {
            next_page_token: next.unwrap_or_default(),
            entries: rows.into_iter().map(UsageEntry::from).collect(),
        }))
    }

    async fn summarize_usage(
        &self,
        request: Request<SummarizeUsageRequest>,
    ) -> Result<Response<SummarizeUsageResponse>, Status> {
        let user_id = Ctx::of(&request)?.user_id()?;
        let sums = self.ledger.summarize(user_id).await;
        let sums = sums.map_err(|error| Error::from(error).to_status())?;
        let sums = sums.into_iter().map(UsageSum::from).collect();
        Ok(Response::new(SummarizeUsageResponse { sums }))
    }
}

fn scope(user_id: UserId) -> String {
    format!("usage/{user_id}")
}

fn write_cursor(row: &usage::Model) -> String {
    format!("{}/{}", row.create_time.micros(), row.generation_id)
}

fn read_cursor(cursor: &[u8]) -> Option<Place> {
    let (micros, generation_id) = std::str::from_utf8(cursor).ok()?.split_once('/')?;
    Some(Place {
        create_time: Timestamp::from_micros(micros.parse().ok()?),
        generation_id: generation_id.parse::<GenerationId>().ok()?,
    })
}

/// The contract's counts are 32 bits wide; rows hold counts that were.
fn tokens(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

impl From<usage::Model> for UsageEntry {
    fn from(row: usage::Model) -> Self {
        Self {
            generation_id: row.generation_id.to_string(),
            model_id: row.model_id,
            prompt_tokens: tokens(row.prompt_tokens),
            cached_tokens: tokens(row.cached_tokens),
            completion_tokens: tokens(row.completion_tokens),
            cost_pico_usd: row.cost_pico_usd,
            estimated: row.estimated,
            create_time: Some(row.create_time.into()),
        }
    }
}

impl From<ledger::UsageSum> for UsageSum {
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
