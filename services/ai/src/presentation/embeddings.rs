//! `EmbeddingService`.

use std::sync::Arc;

use mesh::Ctx;
use tonic::{Request, Response, Status};
use troupe_proto::ai as pb;
use troupe_proto::ai::embedding_service_server::EmbeddingService;

use crate::application::observe::Operation;
use crate::domain::{Embedder, ProviderError};
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
        let texts = request.into_inner().texts;
        let operation = Operation::embedding(&*self.embedder, texts.len(), ctx.trace);
        let vectors = self.embedder.embed(texts, ctx.deadline).await;
        operation.ended(&vectors);
        let vectors = vectors.map_err(|error| self.failed(error))?;
        let dimensions = vectors.first().map_or(0, Vec::len);
        let embedding = |values| pb::Embedding { values };
        Ok(Response::new(pb::EmbedResponse {
            embeddings: vectors.into_iter().map(embedding).collect(),
            model: Some(self.model(dimensions)),
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
