//! `EmbeddingService`.

use std::sync::Arc;

use mesh::Ctx;
use tonic::{Request, Response, Status};
use troupe_proto::Classify;
use troupe_proto::ai::embedding_service_server::EmbeddingService;
use troupe_proto::ai::{
    EmbedRequest, EmbedResponse, Embedding, EmbeddingModel, GetEmbeddingModelRequest,
    GetEmbeddingModelResponse,
};

use crate::application::observe::Operation;
use crate::domain::{Embedder, ProviderError};

#[derive(Debug)]
pub(crate) struct EmbeddingHandler {
    pub(crate) embedder: Arc<dyn Embedder>,
}

#[tonic::async_trait]
impl EmbeddingService for EmbeddingHandler {
    async fn embed(
        &self,
        request: Request<EmbedRequest>,
    ) -> Result<Response<EmbedResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let texts = request.into_inner().texts;
        let operation = Operation::embedding(&*self.embedder, texts.len(), ctx.trace);
        let vectors = self.embedder.embed(texts, ctx.deadline).await;
        operation.ended(&vectors);
        let vectors = vectors.map_err(|error| self.failed(&error))?;
        let dimensions = vectors.first().map_or(0, Vec::len);
        let embedding = |values| Embedding { values };
        Ok(Response::new(EmbedResponse {
            embeddings: vectors.into_iter().map(embedding).collect(),
            model: Some(self.model(dimensions)),
        }))
    }

    async fn get_embedding_model(
        &self,
        request: Request<GetEmbeddingModelRequest>,
    ) -> Result<Response<GetEmbeddingModelResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let dimensions = self.embedder.dimensions(ctx.deadline).await;
        let dimensions = dimensions.map_err(|error| self.failed(&error))?;
        let model = Some(self.model(dimensions));
        Ok(Response::new(GetEmbeddingModelResponse { model }))
    }
}

impl EmbeddingHandler {
    fn model(&self, dimensions: usize) -> EmbeddingModel {
        EmbeddingModel {
            id: self.embedder.model_id().to_owned(),
            dimensions: i32::try_from(dimensions).unwrap_or(i32::MAX),
        }
    }

    fn failed(&self, error: &ProviderError) -> Status {
        tracing::warn!(
            model.id = self.embedder.model_id(), %error, cause = error.cause(), "embedding failed"
        );
        error.to_status()
    }
}
