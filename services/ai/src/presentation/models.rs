//! `ModelService`.

use mesh::Ctx;
use tonic::{Request, Response, Status};
use troupe_proto::ai as pb;
use troupe_proto::ai::model_service_server::ModelService;

use crate::application::catalog::Catalog;

#[derive(Debug)]
pub(crate) struct ModelApi {
    pub(crate) catalog: Catalog,
}

#[tonic::async_trait]
impl ModelService for ModelApi {
    async fn list_models(
        &self,
        request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let models = self.catalog.list(ctx.deadline).await;
        let models = models.into_iter().map(pb::Model::from).collect();
        Ok(Response::new(pb::ListModelsResponse { models }))
    }

    async fn get_model(
        &self,
        request: Request<pb::GetModelRequest>,
    ) -> Result<Response<pb::GetModelResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = request.into_inner().model_id;
        let mut choice = self.catalog.resolve(&id, ctx.deadline).await;
        // A part of a path that may span several segments keeps its slashes as they were encoded (google/api/http.proto).
        let decoded = id.replace("%2F", "/").replace("%2f", "/");
        if choice.is_err() && decoded != id {
            choice = self.catalog.resolve(&decoded, ctx.deadline).await;
        }
        let model = Some(choice?.into());
        Ok(Response::new(pb::GetModelResponse { model }))
    }
}
