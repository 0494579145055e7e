//! `/v1/models`.

use http::Response;
use serde::Serialize;
use tokio::time::Instant;
use tonic::Code;
use tonic::body::Body;
use troupe_proto::ai::{
    GetModelRequest, GetModelResponse, ListModelsRequest, ListModelsResponse, Model as AiModel,
};
use troupe_proto::roleplay::{
    Character, GetCharacterRequest, GetCharacterResponse, GetSessionRequest, GetSessionResponse,
    ListCharactersRequest, ListCharactersResponse,
};

use super::Roleplay;
use super::ask::Ask;
use super::asked::no_model;
use super::model::{CHARACTER, Model, SESSION};
use crate::refusal::{Refusal, invalid};
use crate::route::decode;

/// How many are asked for at once, and how often: nobody chooses among more.
const PAGE: i32 = 200;
const MOST_PAGES: usize = 5;

#[derive(Debug, Serialize)]
struct List {
    object: &'static str,
    data: Vec<Listed>,
}

/// A model.
#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    object: &'static str,
    created: i64,
    owned_by: String,
    /// For people.
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<i32>,
}

impl Listed {
    fn raw(model: AiModel) -> Self {
        Self {
            id: model.id,
            object: "model",
            created: 0,
            owned_by: model.provider,
            name: model.display_name,
            context_length: Some(model.window_tokens).filter(|tokens| *tokens > 0),
        }
    }

    /// Of a character or a session.
    fn own(prefix: &str, id: &str, name: String, created: Option<i64>) -> Self {
        Self {
            id: format!("{prefix}{id}"),
            object: "model",
            created: created.unwrap_or_default(),
            owned_by: "troupe".to_owned(),
            name,
            context_length: None,
        }
    }

    fn character(character: Character) -> Self {
        let created = character.create_time.map(|it| it.seconds);
        Self::own(CHARACTER, &character.id, character.name, created)
    }
}

impl Ask<'_> {
    /// The models, and the characters that the caller owns.
    pub(super) async fn models(&self, body: Body) -> Result<Response<Body>, Refusal> {
        let deadline = self.arrived(body).await?.deadline;
        let mut data = self.raw_models(deadline).await?;
        if let Some(roleplay) = &self.facade.roleplay {
            data.extend(self.characters(roleplay, deadline).await?);
        }
        let object = "list";
        self.answer(&List { object, data }).await
    }

    async fn raw_models(&self, deadline: Instant) -> Result<Vec<Listed>, Refusal> {
        let mut models = Vec::new();
        let mut request = ListModelsRequest {
            page_size: PAGE,
            ..ListModelsRequest::default()
        };
        for _ in 0..MOST_PAGES {
            let method = &self.facade.list_models;
            let page: ListModelsResponse = self.one(method, &request, deadline).await?;
            models.extend(page.models.into_iter().map(Listed::raw));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        Ok(models)
    }

    async fn characters(
        &self,
        roleplay: &Roleplay,
        deadline: Instant,
    ) -> Result<Vec<Listed>, Refusal> {
        let mut characters = Vec::new();
        let mut request = ListCharactersRequest {
            page_size: PAGE,
            ..ListCharactersRequest::default()
        };
        for _ in 0..MOST_PAGES {
            let method = &roleplay.list_characters;
            let page: ListCharactersResponse = self.one(method, &request, deadline).await?;
            characters.extend(page.characters.into_iter().map(Listed::character));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        Ok(characters)
    }

    /// One of them, or another character or session that the caller may use.
    pub(super) async fn model(&self, name: &str, body: Body) -> Result<Response<Body>, Refusal> {
        let deadline = self.arrived(body).await?.deadline;
        let name = decode(name, false).map_err(|problem| invalid(format!("the path {problem}")))?;
        let found = self.find(Model::named(&name), deadline).await;
        let model = found.map_err(|refusal| match refusal.status.code() {
            Code::NotFound | Code::InvalidArgument => Refusal::from(no_model()),
            _ => refusal,
        })?;
        self.answer(&model).await
    }

    async fn find(&self, model: Model<'_>, deadline: Instant) -> Result<Listed, Refusal> {
        let roleplay = || self.facade.roleplay.as_ref().ok_or_else(no_model);
        match model {
            Model::Raw(id) => {
                let request = GetModelRequest {
                    model_id: id.to_owned(),
                };
                let method = &self.facade.get_model;
                let found: GetModelResponse = self.one(method, &request, deadline).await?;
                Ok(Listed::raw(found.model.unwrap_or_default()))
            }
            Model::Character(id) => {
                let request = GetCharacterRequest {
                    character_id: id.to_owned(),
                };
                let method = &roleplay()?.get_character;
                let found: GetCharacterResponse = self.one(method, &request, deadline).await?;
                Ok(Listed::character(found.character.unwrap_or_default()))
            }
            Model::Session(id) => {
                let request = GetSessionRequest {
                    session_id: id.to_owned(),
                };
                let method = &roleplay()?.get_session;
                let found: GetSessionResponse = self.one(method, &request, deadline).await?;
                let session = found.session.unwrap_or_default();
                let created = session.create_time.map(|it| it.seconds);
                Ok(Listed::own(SESSION, &session.id, session.title, created))
            }
        }
    }
}
