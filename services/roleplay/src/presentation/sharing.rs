//! `SharingService`.

use mesh::Ctx;
use service::{Pages, RequestKey, fields};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::sharing_service_server::SharingService;

use super::convert::sharing::{asked_link, link, max_rating};
use super::convert::{character, scenario};
use crate::application::{Characters, Opened, Scenarios};
use crate::domain::ids::{CharacterId, ScenarioId, ShareLinkId};
use crate::domain::search::words;
use crate::domain::sharing::ShareLink;
use crate::infrastructure::queries::{scenarios, share_links};

pub(super) struct SharingApi {
    pub(super) scenarios: Scenarios,
    pub(super) characters: Characters,
    pub(super) pages: Pages,
}

impl SharingApi {
    fn link(&self, found: ShareLink) -> pb::ShareLink {
        link(&self.scenarios.access, found)
    }
}

#[tonic::async_trait]
impl SharingService for SharingApi {
    async fn create_share_link(
        &self,
        request: Request<pb::CreateShareLinkRequest>,
    ) -> Result<Response<pb::CreateShareLinkResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateShareLink", id, &request)?;
        let asked = asked_link(request.share_link.unwrap_or_default())?;
        let made = self.scenarios.create_link(&ctx, &asked, key).await?;
        Ok(Response::new(pb::CreateShareLinkResponse {
            share_link: Some(self.link(made)),
        }))
    }

    async fn list_share_links(
        &self,
        request: Request<pb::ListShareLinksRequest>,
    ) -> Result<Response<pb::ListShareLinksResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let (character, scenario) = (&request.character_id, &request.scenario_id);
        let scope = format!("share-links/{}/{character}/{scenario}", ctx.user_id()?);
        let page =
            (self.pages).read::<ShareLinkId>(scope, request.page_size, &request.page_token)?;
        let sought = share_links::Sought {
            character: fields::optional_id("character_id", character)?,
            scenario: fields::optional_id("scenario_id", scenario)?,
            before: page.after,
        };
        let read = self
            .scenarios
            .list_links(&ctx, sought, page.limit())
            .await?;
        let (links, next_page_token) = page.cut(read, |last| last.id);
        Ok(Response::new(pb::ListShareLinksResponse {
            share_links: links.into_iter().map(|it| self.link(it)).collect(),
            next_page_token,
        }))
    }

    async fn get_share_link(
        &self,
        request: Request<pb::GetShareLinkRequest>,
    ) -> Result<Response<pb::GetShareLinkResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("share_link_id", &request.get_ref().share_link_id)?;
        let found = self.scenarios.get_link(&ctx, id).await?;
        Ok(Response::new(pb::GetShareLinkResponse {
            share_link: Some(self.link(found)),
        }))
    }

    async fn delete_share_link(
        &self,
        request: Request<pb::DeleteShareLinkRequest>,
    ) -> Result<Response<pb::DeleteShareLinkResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("share_link_id", &request.get_ref().share_link_id)?;
        self.scenarios.delete_link(&ctx, id).await?;
        Ok(Response::new(pb::DeleteShareLinkResponse {}))
    }

    async fn open_share_link(
        &self,
        request: Request<pb::OpenShareLinkRequest>,
    ) -> Result<Response<pb::OpenShareLinkResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let token = &request.get_ref().share_token;
        let mut answer = pb::OpenShareLinkResponse::default();
        match self.scenarios.open_link(&ctx, token).await? {
            Opened::Character(found, sight) => {
                answer.character = Some(character::seen(&self.characters, &found, sight));
            }
            Opened::Scenario(found) => {
                answer.scenario = Some(scenario::seen(&self.characters, *found));
            }
        }
        Ok(Response::new(answer))
    }

    async fn list_listed_characters(
        &self,
        request: Request<pb::ListListedCharactersRequest>,
    ) -> Result<Response<pb::ListListedCharactersResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let rating = max_rating(request.max_rating());
        let scope = format!("listed-characters/{rating:?}/{}", request.query);
        let page =
            (self.pages).read::<CharacterId>(scope, request.page_size, &request.page_token)?;
        let query = fields::text("query", request.query)?;
        let (found, more) = self
            .scenarios
            .list_listed_characters(&ctx, &query, rating, page.after, page.size())
            .await?;
        let next = found.last().filter(|_| more).map(|(last, _)| last.id);
        let shown = found.iter();
        let shown = shown.map(|(it, sight)| character::listed_seen(&self.characters, it, *sight));
        Ok(Response::new(pb::ListListedCharactersResponse {
            characters: shown.collect(),
            next_page_token: page.next(next),
        }))
    }

    async fn list_listed_scenarios(
        &self,
        request: Request<pb::ListListedScenariosRequest>,
    ) -> Result<Response<pb::ListListedScenariosResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let rating = max_rating(request.max_rating());
        let scope = format!("listed-scenarios/{rating:?}/{}", request.query);
        let page =
            (self.pages).read::<ScenarioId>(scope, request.page_size, &request.page_token)?;
        let sought = scenarios::Sought {
            words: words(&fields::text("query", request.query)?),
            templates: None,
            before: page.after,
        };
        let (found, more) = self
            .scenarios
            .list_listed_scenarios(&ctx, &sought, rating, page.size())
            .await?;
        let next = found.last().filter(|_| more).map(|last| last.scenario.id);
        let shown = found
            .into_iter()
            .map(|it| scenario::listed(&self.characters, it));
        Ok(Response::new(pb::ListListedScenariosResponse {
            scenarios: shown.collect(),
            next_page_token: page.next(next),
        }))
    }
}
