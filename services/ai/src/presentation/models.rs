//! `ModelService`.

use mesh::Ctx;
use service::Pages;
use tonic::{Request, Response, Status};
use troupe_proto::ai as pb;
use troupe_proto::ai::model_service_server::ModelService;
use troupe_proto::{Reason, error};

use crate::application::catalog::Catalog;

#[derive(Debug)]
pub(crate) struct ModelApi {
    pub(crate) catalog: Catalog,
    pub(crate) pages: Pages,
}

#[tonic::async_trait]
impl ModelService for ModelApi {
    async fn list_models(
        &self,
        request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let page = (self.pages).read::<String>("models", request.page_size, &request.page_token)?;
        let models = self.catalog.list(ctx.deadline).await;
        let models = models.into_iter().map(pb::Model::from);
        let rest: Vec<pb::Model> = match &page.after {
            Some(last) => after(models.collect(), last)?,
            None => models.collect(),
        };
        let (models, next_page_token) = page.cut(rest, |last| last.id.clone());
        Ok(Response::new(pb::ListModelsResponse {
            models,
            next_page_token,
        }))
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

/// The models behind one; there is no place to go on from where that one is gone.
fn after(mut models: Vec<pb::Model>, last: &str) -> Result<Vec<pb::Model>, Status> {
    let place = models.iter().position(|model| model.id == last);
    let gone = || {
        let description = "names a model that is gone: start again without it";
        error::field_at_fault(Reason::PageTokenInvalid, "page_token", description)
    };
    Ok(models.split_off(place.ok_or_else(gone)? + 1))
}
