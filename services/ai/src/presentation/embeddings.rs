//! `EmbeddingService`.

use mesh::Ctx;
use tonic::{Request, Response, Status};
use troupe_proto::ai::embedding_service_server::EmbeddingService;
use troupe_proto::{Reason, ai as pb, error};

use super::to_i32;
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
        let (embeddings, model, _) = self.vectors(&ctx, request.texts, purpose).await?;
        Ok(Response::new(pb::EmbedResponse { embeddings, model }))
    }

    async fn embed_texts(
        &self,
        request: Request<pb::EmbedTextsRequest>,
    ) -> Result<Response<pb::EmbedTextsResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let ours = self.embedding.embedder.model_id();
        let asked = &request.embedding_model_id;
        if !asked.is_empty() && asked != ours {
            let problem = format!("names no model that embeds here: {ours} is the one");
            let field = "embedding_model_id";
            return Err(error::field_at_fault(Reason::ModelUnknown, field, &problem));
        }
        if request.texts.is_empty() {
            return Ok(Response::new(pb::EmbedTextsResponse::default()));
        }
        let purpose = Purpose::default();
        let (embeddings, model, tokens) = self.vectors(&ctx, request.texts, purpose).await?;
        Ok(Response::new(pb::EmbedTextsResponse {
            embeddings,
            model,
            prompt_tokens: to_i32(tokens),
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
    /// The vectors of texts, the model that made them, and the tokens that it took.
    async fn vectors(
        &self,
        ctx: &Ctx,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> Result<(Vec<pb::Embedding>, Option<pb::EmbeddingModel>, u32), Error> {
        let embedded = self.embedding.embed(ctx, texts, purpose).await;
        let (vectors, tokens) = embedded.map_err(|error| self.failed(error))?;
        let dimensions = vectors.first().map_or(0, Vec::len);
        let embedding = |values| pb::Embedding { values };
        let embeddings = vectors.into_iter().map(embedding).collect();
        Ok((embeddings, Some(self.model(dimensions)), tokens))
    }

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
