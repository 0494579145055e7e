//! `InvitationService`.

use mesh::Ctx;
use service::{Pages, RequestKey, fields};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::invitation_service_server::InvitationService;

use super::convert::participant::new_invitation;
use crate::application::{Acceptance, Chats};

pub(super) struct InvitationApi {
    pub(super) chats: Chats,
    pub(super) pages: Pages,
}

#[tonic::async_trait]
impl InvitationService for InvitationApi {
    async fn create_invitation(
        &self,
        request: Request<pb::CreateInvitationRequest>,
    ) -> Result<Response<pb::CreateInvitationResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateInvitation", id, &request)?;
        let session = fields::id("session_id", &request.session_id)?;
        let new = new_invitation(&request.invitation.unwrap_or_default())?;
        let made = self.chats.create_invitation(&ctx, session, new, key);
        let (invitation, token) = made.await?;
        Ok(Response::new(pb::CreateInvitationResponse {
            invitation: Some(invitation.into()),
            token: token.unwrap_or_default(),
        }))
    }

    async fn list_invitations(
        &self,
        request: Request<pb::ListInvitationsRequest>,
    ) -> Result<Response<pb::ListInvitationsResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let scope = format!("invitations/{}", request.session_id);
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let read = self
            .chats
            .list_invitations(&ctx, session, page.after, page.limit())
            .await?;
        let (invitations, next_page_token) = page.cut(read, |last| last.id);
        Ok(Response::new(pb::ListInvitationsResponse {
            invitations: invitations.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn get_invitation(
        &self,
        request: Request<pb::GetInvitationRequest>,
    ) -> Result<Response<pb::GetInvitationResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let id = fields::id("invitation_id", &request.get_ref().invitation_id)?;
        let invitation = self.chats.get_invitation(&ctx, session, id).await?;
        Ok(Response::new(pb::GetInvitationResponse {
            invitation: Some(invitation.into()),
        }))
    }

    async fn delete_invitation(
        &self,
        request: Request<pb::DeleteInvitationRequest>,
    ) -> Result<Response<pb::DeleteInvitationResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let id = fields::id("invitation_id", &request.get_ref().invitation_id)?;
        self.chats.delete_invitation(&ctx, session, id).await?;
        Ok(Response::new(pb::DeleteInvitationResponse {}))
    }

    async fn list_received_invitations(
        &self,
        request: Request<pb::ListReceivedInvitationsRequest>,
    ) -> Result<Response<pb::ListReceivedInvitationsResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let scope = format!("received_invitations/{}", ctx.user_id()?);
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let read = self
            .chats
            .list_received_invitations(&ctx, page.after, page.limit())
            .await?;
        let (invitations, next_page_token) = page.cut(read, |last| last.id);
        Ok(Response::new(pb::ListReceivedInvitationsResponse {
            invitations: invitations.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn preview_invitation(
        &self,
        request: Request<pb::PreviewInvitationRequest>,
    ) -> Result<Response<pb::PreviewInvitationResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let acceptance = Acceptance {
            invitation_id: fields::optional_id("invitation_id", &request.invitation_id)?,
            persona_id: None,
            token: Some(request.token).filter(|token| !token.is_empty()),
        };
        let preview = self.chats.preview_invitation(&ctx, &acceptance).await?;
        Ok(Response::new(pb::PreviewInvitationResponse {
            invitation_preview: Some(preview.into()),
        }))
    }

    async fn accept_invitation(
        &self,
        request: Request<pb::AcceptInvitationRequest>,
    ) -> Result<Response<pb::AcceptInvitationResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let acceptance = Acceptance {
            invitation_id: fields::optional_id("invitation_id", &request.invitation_id)?,
            persona_id: fields::optional_id("persona_id", &request.persona_id)?,
            token: Some(request.token).filter(|token| !token.is_empty()),
        };
        let (session, participant) = self.chats.accept_invitation(&ctx, acceptance).await?;
        Ok(Response::new(pb::AcceptInvitationResponse {
            session: Some(session.into()),
            participant: Some(participant.into()),
        }))
    }

    async fn decline_invitation(
        &self,
        request: Request<pb::DeclineInvitationRequest>,
    ) -> Result<Response<pb::DeclineInvitationResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("invitation_id", &request.get_ref().invitation_id)?;
        self.chats.decline_invitation(&ctx, id).await?;
        Ok(Response::new(pb::DeclineInvitationResponse {}))
    }
}
