//! `CastService`.

use mesh::Ctx;
use service::{Pages, RequestKey, fields};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::cast_service_server::CastService;

use super::convert::cast::{new_member, patch, place};
use crate::application::Chats;
use crate::domain::ids::CharacterId;

pub(super) struct CastApi {
    pub(super) chats: Chats,
    pub(super) pages: Pages,
}

#[tonic::async_trait]
impl CastService for CastApi {
    async fn list_cast_members(
        &self,
        request: Request<pb::ListCastMembersRequest>,
    ) -> Result<Response<pb::ListCastMembersResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let scope = format!("cast/{}", request.session_id);
        let page =
            (self.pages).read::<CharacterId>(scope, request.page_size, &request.page_token)?;
        let cast = self.chats.list_cast(&ctx, session).await?;
        // Of one that was taken out meanwhile nobody knows the place: the list ends.
        let begin = match page.after {
            Some(last) => {
                let mut all = cast.iter();
                let at = all.position(|it| it.member.character_id == last);
                at.map_or(cast.len(), |at| at + 1)
            }
            None => 0,
        };
        let read = cast.into_iter().skip(begin).take(page.limit()).collect();
        let (members, next_page_token) = page.cut(read, |last| last.member.character_id);
        Ok(Response::new(pb::ListCastMembersResponse {
            cast_members: members.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn get_cast_member(
        &self,
        request: Request<pb::GetCastMemberRequest>,
    ) -> Result<Response<pb::GetCastMemberResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let session = fields::id("session_id", &request.get_ref().session_id)?;
        let id = fields::id("character_id", &request.get_ref().character_id)?;
        let member = self.chats.get_cast_member(&ctx, session, id).await?;
        Ok(Response::new(pb::GetCastMemberResponse {
            cast_member: Some(member.into()),
        }))
    }

    async fn create_cast_member(
        &self,
        request: Request<pb::CreateCastMemberRequest>,
    ) -> Result<Response<pb::CreateCastMemberResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateCastMember", id, &request)?;
        let session = fields::id("session_id", &request.session_id)?;
        let member = request.cast_member.unwrap_or_default();
        let place = place(member.position);
        let (new, token) = ((new_member(member)?, place), &request.share_token);
        let member = self
            .chats
            .create_cast_member(&ctx, session, new, token, key);
        Ok(Response::new(pb::CreateCastMemberResponse {
            cast_member: Some(member.await?.into()),
        }))
    }

    async fn update_cast_member(
        &self,
        request: Request<pb::UpdateCastMemberRequest>,
    ) -> Result<Response<pb::UpdateCastMemberResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let mut member = request.cast_member.unwrap_or_default();
        let id = fields::id("cast_member.character_id", &member.character_id)?;
        let seen = (id, std::mem::take(&mut member.etag));
        let patch = patch(member, request.update_mask)?;
        let member = self.chats.update_cast_member(&ctx, session, seen, patch);
        Ok(Response::new(pb::UpdateCastMemberResponse {
            cast_member: Some(member.await?.into()),
        }))
    }

    async fn delete_cast_member(
        &self,
        request: Request<pb::DeleteCastMemberRequest>,
    ) -> Result<Response<pb::DeleteCastMemberResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let id = fields::id("character_id", &request.character_id)?;
        let seen = (id, request.etag);
        self.chats.delete_cast_member(&ctx, session, seen).await?;
        Ok(Response::new(pb::DeleteCastMemberResponse {}))
    }
}
