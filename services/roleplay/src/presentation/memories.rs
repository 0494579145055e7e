//! `MemoryService`.

use mesh::Ctx;
use service::{Pages, RequestKey, fields, masked};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::memory_service_server::MemoryService;

use crate::application::{Memories, MemoryPatch, NewNote};
use crate::domain::ids::SessionId;
use crate::domain::memory::Memory;
use crate::domain::search::words;
use crate::infrastructure::queries::memories::Filter;

/// Matches of a search that doesn't say how many.
const DEFAULT_MATCHES: usize = 10;
const MAX_MATCHES: usize = 50;

pub(super) struct MemoryApi {
    pub(super) memories: Memories,
    pub(super) pages: Pages,
}

#[tonic::async_trait]
impl MemoryService for MemoryApi {
    async fn list_memories(
        &self,
        request: Request<pb::ListMemoriesRequest>,
    ) -> Result<Response<pb::ListMemoriesResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session: SessionId = fields::id("session_id", &request.session_id)?;
        let scope = format!(
            "memories/{session}/{}/{}",
            request.pinned_only, request.query
        );
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let filter = Filter {
            before: page.after,
            words: words(&fields::text("query", request.query)?),
            pinned_only: request.pinned_only,
        };
        let read = self
            .memories
            .list_memories(&ctx, session, filter, page.limit())
            .await?;
        let (memories, next_page_token) = page.cut(read, |last| last.id);
        Ok(Response::new(pb::ListMemoriesResponse {
            memories: memories.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn create_memory(
        &self,
        request: Request<pb::CreateMemoryRequest>,
    ) -> Result<Response<pb::CreateMemoryResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateMemory", id, &request)?;
        let session = fields::id("session_id", &request.session_id)?;
        let memory = request.memory.unwrap_or_default();
        let note = NewNote {
            text: fields::text("memory.text", memory.text)?,
            pinned: memory.pinned,
            disabled: memory.disabled,
        };
        let made = self.memories.create_memory(&ctx, session, note, key);
        let memory = made.await?;
        Ok(Response::new(pb::CreateMemoryResponse {
            memory: Some(memory.into()),
        }))
    }

    async fn get_memory(
        &self,
        request: Request<pb::GetMemoryRequest>,
    ) -> Result<Response<pb::GetMemoryResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let id = fields::id("memory_id", &request.get_ref().memory_id)?;
        let memory = self.memories.get_memory(&ctx, session, id).await?;
        Ok(Response::new(pb::GetMemoryResponse {
            memory: Some(memory.into()),
        }))
    }

    async fn update_memory(
        &self,
        request: Request<pb::UpdateMemoryRequest>,
    ) -> Result<Response<pb::UpdateMemoryResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let memory = request.memory.unwrap_or_default();
        let id = fields::id("memory.id", &memory.id)?;
        let set = [
            ("text", !memory.text.is_empty()),
            ("pinned", memory.pinned),
            ("disabled", memory.disabled),
        ];
        let named = masked(request.update_mask, &set)?;
        let text = fields::text("memory.text", memory.text)?;
        let patch = MemoryPatch {
            text: named.contains(&"text").then_some(text),
            pinned: named.contains(&"pinned").then_some(memory.pinned),
            disabled: named.contains(&"disabled").then_some(memory.disabled),
        };
        let memory = self
            .memories
            .update_memory(&ctx, session, id, patch)
            .await?;
        Ok(Response::new(pb::UpdateMemoryResponse {
            memory: Some(memory.into()),
        }))
    }

    async fn delete_memory(
        &self,
        request: Request<pb::DeleteMemoryRequest>,
    ) -> Result<Response<pb::DeleteMemoryResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let id = fields::id("memory_id", &request.get_ref().memory_id)?;
        self.memories.delete_memory(&ctx, session, id).await?;
        Ok(Response::new(pb::DeleteMemoryResponse {}))
    }

    async fn search_memories(
        &self,
        request: Request<pb::SearchMemoriesRequest>,
    ) -> Result<Response<pb::SearchMemoriesResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let limit = match usize::try_from(request.page_size) {
            Ok(0) | Err(_) => DEFAULT_MATCHES,
            Ok(size) => size.min(MAX_MATCHES),
        };
        let query = fields::text("query", request.query)?;
        let found = self.memories.search_memories(&ctx, session, query, limit);
        let results = found
            .await?
            .into_iter()
            .map(|(memory, score)| pb::MemoryMatch {
                memory: Some(memory.into()),
                score,
            });
        Ok(Response::new(pb::SearchMemoriesResponse {
            results: results.collect(),
        }))
    }
}

impl From<Memory> for pb::Memory {
    fn from(memory: Memory) -> Self {
        let message = memory.message_id.map(|id| id.to_string());
        Self {
            id: memory.id.to_string(),
            session_id: memory.session_id.to_string(),
            message_id: message.unwrap_or_default(),
            text: memory.text,
            pinned: memory.pinned,
            disabled: memory.disabled,
            rewritten: memory.rewritten,
            embedded: memory.embedded_model.is_some(),
            create_time: Some(memory.create_time.into()),
            update_time: Some(memory.update_time.into()),
        }
    }
}
