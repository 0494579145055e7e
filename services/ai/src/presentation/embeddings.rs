//! `EmbeddingService`.

use std::sync::Arc;

use mesh::Ctx;
use tonic::{Request, Response, Status};
use troupe_proto::ai::embedding_service_server::EmbeddingService;
use troupe_proto::{Reason, ai as pb, error};

use super::to_i32;
use crate::application::observe::Operation;
use crate::domain::{Embedder, ProviderError, estimate};
use crate::error::Error;

#[derive(Debug)]
pub(crate) struct EmbeddingApi {
    pub(crate) embedder: Arc<dyn Embedder>,
}

#[tonic::async_trait]
impl EmbeddingService for EmbeddingApi {
    async fn embed(
        &self,
        request: Request<pb::EmbedRequest>,
    ) -> Result<Response<pb::EmbedResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let (embeddings, model) = self.vectors(&ctx, request.into_inner().texts).await?;
        Ok(Response::new(pb::EmbedResponse { embeddings, model }))
    }

    async fn embed_texts(
        &self,
        request: Request<pb::EmbedTextsRequest>,
    ) -> Result<Response<pb::EmbedTextsResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let ours = self.embedder.model_id();
        let asked = &request.embedding_model_id;
        if !asked.is_empty() && asked != ours {
            let problem = format!("names no model that embeds here: {ours} is the one");
            let field = "embedding_model_id";
            return Err(error::field_at_fault(Reason::ModelUnknown, field, &problem));
        }
        if request.texts.is_empty() {
            return Ok(Response::new(pb::EmbedTextsResponse::default()));
        }
        let tokens = request.texts.iter().map(|text| estimate::of_text(text));
        let prompt_tokens = to_i32(tokens.fold(0, u32::saturating_add));
        let (embeddings, model) = self.vectors(&ctx, request.texts).await?;
        Ok(Response::new(pb::EmbedTextsResponse {
            embeddings,
            model,
            prompt_tokens,
        }))
    }

    async fn get_embedding_model(
        &self,
        request: Request<pb::GetEmbeddingModelRequest>,
    ) -> Result<Response<pb::GetEmbeddingModelResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let dimensions = self.embedder.dimensions(ctx.deadline).await;
        let dimensions = dimensions.map_err(|error| self.failed(error))?;
        let model = Some(self.model(dimensions));
        Ok(Response::new(pb::GetEmbeddingModelResponse { model }))
    }
}

impl EmbeddingApi {
    /// The vectors of texts, and the model that made them.
    async fn vectors(
        &self,
        ctx: &Ctx,
        texts: Vec<String>,
    ) -> Result<(Vec<pb::Embedding>, Option<pb::EmbeddingModel>), Error> {
        let operation = Operation::embedding(&*self.embedder, texts.len(), ctx.trace);
        let vectors = self.embedder.embed(texts, ctx.deadline).await;
        operation.ended(&vectors);
        let vectors = vectors.map_err(|error| self.failed(error))?;
        let dimensions = vectors.first().map_or(0, Vec::len);
        let embedding = |values| pb::Embedding { values };
        let embeddings = vectors.into_iter().map(embedding).collect();
        Ok((embeddings, Some(self.model(dimensions))))
    }

    fn model(&self, dimensions: usize) -> pb::EmbeddingModel {
        pb::EmbeddingModel {
            id: self.embedder.model_id().to_owned(),
            dimensions: i32::try_from(dimensions).unwrap_or(i32::MAX),
        }
    }

    fn failed(&self, error: ProviderError) -> Error {
        tracing::warn!(
            model.id = self.embedder.model_id(), %error, cause = error.cause(), "embedding failed"
        );
        error.into()
    }
}
