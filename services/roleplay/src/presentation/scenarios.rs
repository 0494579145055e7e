//! `ScenarioService`.

use mesh::Ctx;
use service::{Pages, RequestKey, fields};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::scenario_service_server::ScenarioService;

use super::convert::character::file;
use super::convert::download::attachment;
use super::convert::scenario::{answers, listed, patch, seen, seen_etag, started_from};
use super::convert::session::started;
use crate::application::{Characters, Chats, Scenarios, Seen, StartScenario};
use crate::domain::ids::ScenarioId;
use crate::domain::search::words;
use crate::infrastructure::queries::scenarios::Sought;

pub(super) struct ScenarioApi {
    pub(super) scenarios: Scenarios,
    pub(super) characters: Characters,
    pub(super) chats: Chats,
    pub(super) pages: Pages,
}

impl ScenarioApi {
    fn shown(&self, scenario: Seen) -> Option<pb::Scenario> {
        Some(seen(&self.characters, scenario))
    }
}

#[tonic::async_trait]
impl ScenarioService for ScenarioApi {
    async fn create_scenario(
        &self,
        request: Request<pb::CreateScenarioRequest>,
    ) -> Result<Response<pb::CreateScenarioResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateScenario", id, &request)?;
        let patch = patch(request.scenario.unwrap_or_default(), None)?;
        let scenario = self.scenarios.create_scenario(&ctx, &patch, key).await?;
        Ok(Response::new(pb::CreateScenarioResponse {
            scenario: self.shown(scenario),
        }))
    }

    async fn create_scenario_from_session(
        &self,
        request: Request<pb::CreateScenarioFromSessionRequest>,
    ) -> Result<Response<pb::CreateScenarioFromSessionResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateScenarioFromSession", id, &request)?;
        let session = fields::id("session_id", &request.session_id)?;
        let name = fields::text("name", request.name)?;
        let made = self
            .scenarios
            .create_from_session(&ctx, &self.chats, session, name, key);
        Ok(Response::new(pb::CreateScenarioFromSessionResponse {
            scenario: self.shown(made.await?),
        }))
    }

    async fn create_scenario_from_character(
        &self,
        request: Request<pb::CreateScenarioFromCharacterRequest>,
    ) -> Result<Response<pb::CreateScenarioFromCharacterResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateScenarioFromCharacter", id, &request)?;
        let character = fields::id("character_id", &request.character_id)?;
        let name = fields::text("name", request.name)?;
        let made = self
            .scenarios
            .create_from_character(&ctx, character, name, key);
        Ok(Response::new(pb::CreateScenarioFromCharacterResponse {
            scenario: self.shown(made.await?),
        }))
    }

    async fn import_scenario(
        &self,
        request: Request<pb::ImportScenarioRequest>,
    ) -> Result<Response<pb::ImportScenarioResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("ImportScenario", id, &request)?;
        let file = request.file.unwrap_or_default().data;
        let imported = self.scenarios.import_scenario(&ctx, file.into(), key);
        let (scenario, warnings) = imported.await?;
        Ok(Response::new(pb::ImportScenarioResponse {
            scenario: self.shown(scenario),
            warnings,
        }))
    }

    async fn list_scenarios(
        &self,
        request: Request<pb::ListScenariosRequest>,
    ) -> Result<Response<pb::ListScenariosResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let (user, kind) = (ctx.user_id()?, request.kind());
        let scope = format!("scenarios/{user}/{}/{}", kind.as_str_name(), request.query);
        let page =
            (self.pages).read::<ScenarioId>(scope, request.page_size, &request.page_token)?;
        let is_whole = request.view() == pb::ScenarioView::Full;
        let sought = Sought {
            words: words(&fields::text("query", request.query)?),
            templates: match kind {
                pb::ScenarioKind::Unspecified => None,
                pb::ScenarioKind::Plain => Some(false),
                pb::ScenarioKind::Template => Some(true),
            },
            before: page.after,
        };
        let found = self.scenarios.list_scenarios(&ctx, &sought, page.size());
        let (scenarios, more) = found.await?;
        let next = scenarios.last().filter(|_| more).map(|it| it.scenario.id);
        let show = if is_whole { seen } else { listed };
        let shown = scenarios.into_iter().map(|it| show(&self.characters, it));
        Ok(Response::new(pb::ListScenariosResponse {
            scenarios: shown.collect(),
            next_page_token: page.next(next),
        }))
    }

    async fn get_scenario(
        &self,
        request: Request<pb::GetScenarioRequest>,
    ) -> Result<Response<pb::GetScenarioResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("scenario_id", &request.get_ref().scenario_id)?;
        let scenario = self.scenarios.get_scenario(&ctx, id).await?;
        Ok(Response::new(pb::GetScenarioResponse {
            scenario: self.shown(scenario),
        }))
    }

    async fn update_scenario(
        &self,
        request: Request<pb::UpdateScenarioRequest>,
    ) -> Result<Response<pb::UpdateScenarioResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let scenario = request.scenario.unwrap_or_default();
        let id = fields::id("scenario.id", &scenario.id)?;
        let etag = seen_etag(&scenario.etag).to_owned();
        let patch = patch(scenario, request.update_mask)?;
        let changed = self.scenarios.update_scenario(&ctx, id, &patch, &etag);
        Ok(Response::new(pb::UpdateScenarioResponse {
            scenario: self.shown(changed.await?),
        }))
    }

    async fn delete_scenario(
        &self,
        request: Request<pb::DeleteScenarioRequest>,
    ) -> Result<Response<pb::DeleteScenarioResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("scenario_id", &request.get_ref().scenario_id)?;
        let etag = seen_etag(&request.get_ref().etag);
        self.scenarios.delete_scenario(&ctx, id, etag).await?;
        Ok(Response::new(pb::DeleteScenarioResponse {}))
    }

    async fn copy_scenario(
        &self,
        request: Request<pb::CopyScenarioRequest>,
    ) -> Result<Response<pb::CopyScenarioResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CopyScenario", id, &request)?;
        let scenario = fields::id("scenario_id", &request.scenario_id)?;
        let name = fields::text("name", request.name)?;
        let token = &request.share_token;
        let copy = self
            .scenarios
            .copy_scenario(&ctx, scenario, name, token, key);
        Ok(Response::new(pb::CopyScenarioResponse {
            scenario: self.shown(copy.await?),
        }))
    }

    async fn export_scenario(
        &self,
        request: Request<pb::ExportScenarioRequest>,
    ) -> Result<Response<pb::ExportScenarioResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("scenario_id", &request.get_ref().scenario_id)?;
        let with_cards = !request.get_ref().without_cards;
        let exported = self.scenarios.export_scenario(&ctx, id, with_cards).await?;
        let mut response = Response::new(pb::ExportScenarioResponse {
            file: Some(file("application/json", exported.json.into_bytes())),
        });
        if let Some(header) = attachment(&exported.name, "json") {
            let metadata = response.metadata_mut();
            metadata.insert("content-disposition", header);
        }
        Ok(response)
    }

    async fn start_scenario(
        &self,
        request: Request<pb::StartScenarioRequest>,
    ) -> Result<Response<pb::StartScenarioResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("StartScenario", id, &request)?;
        let castings = request.castings.into_iter().map(|casting| {
            let id = fields::id("castings.character_id", &casting.character_id)?;
            Ok::<_, Status>((casting.role, id))
        });
        let start = StartScenario {
            scenario_id: fields::id("scenario_id", &request.scenario_id)?,
            token: request.share_token,
            role: request.role,
            castings: castings.collect::<Result<_, _>>()?,
            answers: answers(request.answers),
            session: started(request.session.unwrap_or_default())?,
        };
        let (session, greeting) = self.chats.start_scenario(&ctx, start, key).await?;
        Ok(Response::new(pb::StartScenarioResponse {
            session: Some(session.into()),
            greeting: greeting.map(Into::into),
        }))
    }

    async fn get_session_scenario(
        &self,
        request: Request<pb::GetSessionScenarioRequest>,
    ) -> Result<Response<pb::GetSessionScenarioResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("session_id", &request.get_ref().session_id)?;
        let from = self.chats.get_session_scenario(&ctx, id).await?;
        Ok(Response::new(pb::GetSessionScenarioResponse {
            session_scenario: Some(started_from(id, from)),
        }))
    }
}
