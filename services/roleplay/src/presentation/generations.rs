//! `GenerationService`.

use futures::StreamExt;
use mesh::Ctx;
use service::{Pages, fields};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::generation_service_server::GenerationService;

use super::messages::Answers;
use crate::application::{Chats, Viewer};

pub(super) struct GenerationApi {
    pub(super) chats: Chats,
    pub(super) pages: Pages,
}

#[tonic::async_trait]
impl GenerationService for GenerationApi {
    type WatchGenerationStream = Answers<pb::WatchGenerationResponse>;
    type AttachGenerationStream = Answers<pb::AttachGenerationResponse>;

    async fn list_generations(
        &self,
        request: Request<pb::ListGenerationsRequest>,
    ) -> Result<Response<pb::ListGenerationsResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let session = fields::id("session_id", &request.session_id)?;
        let scope = format!("generations/{}", request.session_id);
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let (generations, more) = self
            .chats
            .list_generations(&ctx, session, page.after, page.size())
            .await?;
        let next = generations.last().filter(|_| more).map(|last| last.id);
        Ok(Response::new(pb::ListGenerationsResponse {
            generations: generations.into_iter().map(Into::into).collect(),
            next_page_token: page.next(next),
        }))
    }

    async fn get_generation(
        &self,
        request: Request<pb::GetGenerationRequest>,
    ) -> Result<Response<pb::GetGenerationResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("generation_id", &request.get_ref().generation_id)?;
        let generation = self.chats.get_generation(&ctx, id).await?;
        Ok(Response::new(pb::GetGenerationResponse {
            generation: Some(generation.into()),
        }))
    }

    async fn watch_generation(
        &self,
        request: Request<pb::WatchGenerationRequest>,
    ) -> Result<Response<Self::WatchGenerationStream>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("generation_id", &request.get_ref().generation_id)?;
        let offset = u64::try_from(request.get_ref().offset).unwrap_or(0);
        let viewer = Viewer::of(&ctx)?;
        let events = self.chats.watch_generation(viewer, id, offset).await?;
        let answers = events.map(|event| {
            Ok(pb::WatchGenerationResponse {
                event: Some(event?.into()),
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn attach_generation(
        &self,
        request: Request<pb::AttachGenerationRequest>,
    ) -> Result<Response<Self::AttachGenerationStream>, Status> {
        let id = fields::id("generation_id", &request.get_ref().generation_id)?;
        let offset = u64::try_from(request.get_ref().offset).unwrap_or(0);
        let attached = self.chats.watch_generation(Viewer::Service, id, offset);
        let answers = attached.await?.map(|event| {
            Ok(pb::AttachGenerationResponse {
                event: Some(event?.into()),
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn cancel_generation(
        &self,
        request: Request<pb::CancelGenerationRequest>,
    ) -> Result<Response<pb::CancelGenerationResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("generation_id", &request.get_ref().generation_id)?;
        let generation = self.chats.cancel_generation(&ctx, id).await?;
        Ok(Response::new(pb::CancelGenerationResponse {
            generation: Some(generation.into()),
        }))
    }

    async fn get_generation_receipt(
        &self,
        request: Request<pb::GetGenerationReceiptRequest>,
    ) -> Result<Response<pb::GetGenerationReceiptResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("generation_id", &request.get_ref().generation_id)?;
        let receipt = self.chats.get_receipt(&ctx, id).await?;
        Ok(Response::new(pb::GetGenerationReceiptResponse {
            receipt: Some(receipt.into()),
        }))
    }
}
