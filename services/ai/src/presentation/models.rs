//! `ModelService`.

use mesh::Ctx;
use service::Pages;
use tokio::time::Instant;
use tonic::{Request, Response, Status};
use troupe_proto::ai as pb;
use troupe_proto::ai::model_service_server::ModelService;
use troupe_proto::{Reason, error};

use super::inference::form;
use super::routes;
use crate::application::routing::{Listed, Routing};
use crate::domain::decision::Trail;
use crate::domain::language;
use crate::domain::route::Wish;
use crate::error::Error;

#[derive(Debug)]
pub(crate) struct ModelApi {
    pub(crate) routing: Routing,
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
        let models = self.routing.list(ctx.deadline).await;
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
        let mut model = self.find(&id, ctx.deadline).await;
        // A part of a path that may span several segments keeps its slashes as they were encoded (google/api/http.proto).
        let decoded = id.replace("%2F", "/").replace("%2f", "/");
        if model.is_err() && decoded != id {
            model = self.find(&decoded, ctx.deadline).await;
        }
        let model = Some(model?.into());
        Ok(Response::new(pb::GetModelResponse { model }))
    }

    async fn explain_route(
        &self,
        request: Request<pb::ExplainRouteRequest>,
    ) -> Result<Response<pb::ExplainRouteResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let user_id = ctx.user_id()?;
        let request = request.into_inner();
        let asked = (self.routing)
            .find_route(&request.route_id, ctx.deadline)
            .await?;
        let any = self.routing.any_wish();
        let preferred = self.routing.first(&asked, &any);
        let wish = Wish {
            form: form(request.form()).or(preferred.map(|choice| choice.model.form)),
            prompt_tokens: request.prompt_tokens.unsigned_abs(),
            max_tokens: request.max_tokens.unsigned_abs(),
            tier: self.routing.tiers.of(user_id),
            language: language::primary(&request.language),
        };
        let trail = Trail {
            decision: self.routing.plan(asked, &wish, "").decision,
            failed: Vec::new(),
        };
        let decision = routes::decision(&trail);
        Ok(Response::new(pb::ExplainRouteResponse { decision }))
    }
}

impl ModelApi {
    /// The model or the route of an id.
    async fn find(&self, id: &str, deadline: Instant) -> Result<Listed, Error> {
        let asked = self.routing.find(id, deadline).await?;
        let gone = || Error::ModelUnknown(id.to_owned());
        self.routing.shown(&asked).ok_or_else(gone)
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
