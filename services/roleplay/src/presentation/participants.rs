//! `ParticipantService`.

use mesh::Ctx;
use service::{Pages, fields};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::participant_service_server::ParticipantService;

use super::convert::participant::patch;
use crate::application::{Chats, Error};
use crate::domain::participant::Right;

pub(super) struct ParticipantApi {
    pub(super) chats: Chats,
    pub(super) pages: Pages,
}

#[tonic::async_trait]
impl ParticipantService for ParticipantApi {
    async fn list_participants(
        &self,
        request: Request<pb::ListParticipantsRequest>,
    ) -> Result<Response<pb::ListParticipantsResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let scope = format!("participants/{}", request.session_id);
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let read = self
            .chats
            .list_participants(&ctx, session, page.after, page.limit())
            .await?;
        let (participants, next_page_token) = page.cut(read, |last| last.seat.id);
        Ok(Response::new(pb::ListParticipantsResponse {
            participants: participants.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn get_participant(
        &self,
        request: Request<pb::GetParticipantRequest>,
    ) -> Result<Response<pb::GetParticipantResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let id = fields::id("participant_id", &request.get_ref().participant_id)?;
        let participant = self.chats.get_participant(&ctx, session, id).await?;
        Ok(Response::new(pb::GetParticipantResponse {
            participant: Some(participant.into()),
        }))
    }

    async fn update_participant(
        &self,
        request: Request<pb::UpdateParticipantRequest>,
    ) -> Result<Response<pb::UpdateParticipantResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let participant = request.participant.unwrap_or_default();
        let id = fields::id("participant.id", &participant.id)?;
        let patch = patch(&participant, request.update_mask)?;
        let changed = self.chats.update_participant(&ctx, session, id, patch);
        let participant = changed.await?;
        Ok(Response::new(pb::UpdateParticipantResponse {
            participant: Some(participant.into()),
        }))
    }

    async fn delete_participant(
        &self,
        request: Request<pb::DeleteParticipantRequest>,
    ) -> Result<Response<pb::DeleteParticipantResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let id = fields::id("participant_id", &request.get_ref().participant_id)?;
        self.chats.remove_participant(&ctx, session, id).await?;
        Ok(Response::new(pb::DeleteParticipantResponse {}))
    }

    async fn leave_session(
        &self,
        request: Request<pb::LeaveSessionRequest>,
    ) -> Result<Response<pb::LeaveSessionResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let field = "successor_participant_id";
        let successor = fields::optional_id(field, &request.successor_participant_id)?;
        self.chats.leave_session(&ctx, session, successor).await?;
        Ok(Response::new(pb::LeaveSessionResponse {}))
    }

    async fn check_session_access(
        &self,
        request: Request<pb::CheckSessionAccessRequest>,
    ) -> Result<Response<pb::CheckSessionAccessResponse>, Status> {
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let user = fields::id("user_id", &request.get_ref().user_id)?;
        let access = self.chats.session_access(user, session).await?;
        let me = access.grant(Right::Watch).map_err(Error::from)?.me;
        Ok(Response::new(pb::CheckSessionAccessResponse {
            participant_id: me.id.to_string(),
            role: pb::ParticipantRole::from(me.role).into(),
            can_watch: me.role.has(Right::Watch),
            can_write: me.role.has(Right::Write),
        }))
    }
}
