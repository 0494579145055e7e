//! `EmbeddingService`.

use mesh::Ctx;
use tonic::{Request, Response, Status};
use troupe_proto::ai as pb;
use troupe_proto::ai::embedding_service_server::EmbeddingService;

use crate::application::embed::Embedding;
use crate::domain::ProviderError;
use crate::domain::embedder::Purpose;
use crate::error::Error;

#[derive(Debug)]
pub(crate) struct EmbeddingApi {
    pub(crate) embedding: Embedding,
}

#[tonic::async_trait]
impl EmbeddingService for EmbeddingApi {
    async fn embed(
        &self,
        request: Request<pb::EmbedRequest>,
    ) -> Result<Response<pb::EmbedResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let purpose = Purpose::from(request.purpose());
        let vectors = self.embedding.embed(&ctx, request.texts, purpose).await;
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
        let dimensions = self.embedding.embedder.dimensions(ctx.deadline).await;
        let dimensions = dimensions.map_err(|error| self.failed(error))?;
        let model = Some(self.model(dimensions));
        Ok(Response::new(pb::GetEmbeddingModelResponse { model }))
    }
}

impl EmbeddingApi {
    fn model(&self, dimensions: usize) -> pb::EmbeddingModel {
        pb::EmbeddingModel {
            id: self.embedding.embedder.model_id().to_owned(),
            dimensions: i32::try_from(dimensions).unwrap_or(i32::MAX),
        }
    }

    fn failed(&self, error: ProviderError) -> Error {
        tracing::warn!(
            model.id = self.embedding.embedder.model_id(), %error, cause = error.cause(), "embedding failed"
        );
        error.into()
    }
}

impl From<pb::EmbeddingPurpose> for Purpose {
    fn from(purpose: pb::EmbeddingPurpose) -> Self {
        match purpose {
            pb::EmbeddingPurpose::Query => Self::Query,
            pb::EmbeddingPurpose::Document | pb::EmbeddingPurpose::Unspecified => Self::Document,
        }
    }
}
