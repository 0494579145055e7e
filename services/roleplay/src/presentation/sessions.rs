//! `SessionService`.

use std::fmt;
use std::str::FromStr;

use mesh::Ctx;
use platform::Timestamp;
use service::{Pages, RequestKey, fields, masked};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::session_service_server::SessionService;

use super::convert;
use super::convert::session::{new_session, patch};
use crate::application::Chats;
use crate::domain::ids::SessionId;
use crate::domain::session::Session;
use crate::infrastructure::queries::sessions::Filter;

pub(super) struct SessionApi {
    pub(super) chats: Chats,
    pub(super) pages: Pages,
}

#[tonic::async_trait]
impl SessionService for SessionApi {
    async fn create_session(
        &self,
        request: Request<pb::CreateSessionRequest>,
    ) -> Result<Response<pb::CreateSessionResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateSession", id, &request)?;
        let new = new_session(request.session.unwrap_or_default())?;
        let token = request.share_token;
        let opened = self.chats.create_session(&ctx, new, &token, key);
        let (session, greeting) = opened.await?;
        Ok(Response::new(pb::CreateSessionResponse {
            session: Some(session.into()),
            greeting: greeting.map(Into::into),
        }))
    }

    async fn list_sessions(
        &self,
        request: Request<pb::ListSessionsRequest>,
    ) -> Result<Response<pb::ListSessionsResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let (user, role) = (ctx.user_id()?, request.role());
        let scope = format!(
            "sessions/{user}/{}/{}",
            request.character_id,
            role.as_str_name()
        );
        let page = (self.pages).read::<Cursor>(scope, request.page_size, &request.page_token)?;
        let filter = Filter {
            character: fields::optional_id("character_id", &request.character_id)?,
            role: convert::participant::role(role),
            after: page.after.as_ref().map(|cursor| (cursor.time, cursor.id)),
        };
        let read = self.chats.list_sessions(&ctx, filter, page.limit()).await?;
        let (sessions, next_page_token) = page.cut(read, Cursor::of);
        Ok(Response::new(pb::ListSessionsResponse {
            sessions: sessions.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn get_session(
        &self,
        request: Request<pb::GetSessionRequest>,
    ) -> Result<Response<pb::GetSessionResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("session_id", &request.get_ref().session_id)?;
        let session = self.chats.get_session(&ctx, id).await?;
        Ok(Response::new(pb::GetSessionResponse {
            session: Some(session.into()),
        }))
    }

    async fn update_session(
        &self,
        request: Request<pb::UpdateSessionRequest>,
    ) -> Result<Response<pb::UpdateSessionResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = request.session.unwrap_or_default();
        let id = fields::id("session.id", &session.id)?;
        let patch = patch(session, request.update_mask)?;
        let session = self.chats.update_session(&ctx, id, patch).await?;
        Ok(Response::new(pb::UpdateSessionResponse {
            session: Some(session.into()),
        }))
    }

    async fn delete_session(
        &self,
        request: Request<pb::DeleteSessionRequest>,
    ) -> Result<Response<pb::DeleteSessionResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("session_id", &request.get_ref().session_id)?;
        self.chats.delete_sessions(&ctx, &[id]).await?;
        Ok(Response::new(pb::DeleteSessionResponse {}))
    }

    async fn batch_delete_sessions(
        &self,
        request: Request<pb::BatchDeleteSessionsRequest>,
    ) -> Result<Response<pb::BatchDeleteSessionsResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let ids: Vec<SessionId> = fields::ids("session_ids", &request.get_ref().session_ids)?;
        self.chats.delete_sessions(&ctx, &ids).await?;
        Ok(Response::new(pb::BatchDeleteSessionsResponse {}))
    }

    async fn create_branch(
        &self,
        request: Request<pb::CreateBranchRequest>,
    ) -> Result<Response<pb::CreateBranchResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateBranch", id, &request)?;
        let session = fields::id("session_id", &request.session_id)?;
        let branch = request.branch.unwrap_or_default();
        let message = fields::id("branch.head_message_id", &branch.head_message_id)?;
        let title = fields::text("branch.title", branch.title)?;
        let branch = self
            .chats
            .create_branch(&ctx, session, message, title, key)
            .await?;
        Ok(Response::new(pb::CreateBranchResponse {
            branch: Some(branch.into()),
        }))
    }

    async fn get_branch(
        &self,
        request: Request<pb::GetBranchRequest>,
    ) -> Result<Response<pb::GetBranchResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let branch = fields::id("branch_id", &request.get_ref().branch_id)?;
        let branch = self.chats.get_branch(&ctx, session, branch).await?;
        Ok(Response::new(pb::GetBranchResponse {
            branch: Some(branch.into()),
        }))
    }

    async fn list_branches(
        &self,
        request: Request<pb::ListBranchesRequest>,
    ) -> Result<Response<pb::ListBranchesResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let id = fields::id("session_id", &request.session_id)?;
        let scope = format!("branches/{}", request.session_id);
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let read = self
            .chats
            .list_branches(&ctx, id, page.after, page.limit())
            .await?;
        let (branches, next_page_token) = page.cut(read, |last| last.id);
        Ok(Response::new(pb::ListBranchesResponse {
            branches: branches.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn update_branch(
        &self,
        request: Request<pb::UpdateBranchRequest>,
    ) -> Result<Response<pb::UpdateBranchResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let branch = request.branch.unwrap_or_default();
        let id = fields::id("branch.id", &branch.id)?;
        let set = [
            ("title", !branch.title.is_empty()),
            // What was read is sent back whole, with what can't be changed.
            ("head_message_id", false),
        ];
        let named = masked(request.update_mask, &set)?;
        let title = fields::text("branch.title", branch.title)?;
        let title = named.contains(&"title").then_some(title);
        let branch = self.chats.update_branch(&ctx, session, id, title).await?;
        Ok(Response::new(pb::UpdateBranchResponse {
            branch: Some(branch.into()),
        }))
    }

    async fn delete_branch(
        &self,
        request: Request<pb::DeleteBranchRequest>,
    ) -> Result<Response<pb::DeleteBranchResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let branch = fields::id("branch_id", &request.get_ref().branch_id)?;
        self.chats.delete_branch(&ctx, session, branch).await?;
        Ok(Response::new(pb::DeleteBranchResponse {}))
    }

    async fn select_branch(
        &self,
        request: Request<pb::SelectBranchRequest>,
    ) -> Result<Response<pb::SelectBranchResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let branch = fields::id("branch_id", &request.get_ref().branch_id)?;
        let session = self.chats.select_branch(&ctx, session, branch).await?;
        Ok(Response::new(pb::SelectBranchResponse {
            session: Some(session.into()),
        }))
    }

    async fn preview_prompt(
        &self,
        request: Request<pb::PreviewPromptRequest>,
    ) -> Result<Response<pb::PreviewPromptResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("session_id", &request.get_ref().session_id)?;
        let named = fields::optional_id("character_id", &request.get_ref().character_id)?;
        let prompt = self.chats.preview_prompt(&ctx, id, named).await?;
        Ok(Response::new(prompt.into()))
    }
}

/// Where a page of sessions begins: behind this one.
struct Cursor {
    time: Timestamp,
    id: SessionId,
}

impl Cursor {
    fn of(session: &Session) -> Self {
        Self {
            time: session.last_use_time,
            id: session.id,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.time.micros(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (micros, id) = text.split_once('/').ok_or(())?;
        let micros = micros.parse().map_err(|_| ())?;
        Ok(Self {
            time: Timestamp::from_micros(micros),
            id: id.parse().map_err(|_| ())?,
        })
    }
}
