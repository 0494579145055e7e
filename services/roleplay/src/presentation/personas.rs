//! `PersonaService`.

use mesh::Ctx;
use service::{Pages, RequestKey, fields, masked};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::persona_service_server::PersonaService;

use crate::application::{Error, PersonaPatch, Personas};
use crate::domain::etag::etag;
use crate::domain::persona::Persona;
use crate::infrastructure::queries::personas;

pub(super) struct PersonaApi {
    pub(super) personas: Personas,
    pub(super) pages: Pages,
}

#[tonic::async_trait]
impl PersonaService for PersonaApi {
    async fn create_persona(
        &self,
        request: Request<pb::CreatePersonaRequest>,
    ) -> Result<Response<pb::CreatePersonaResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreatePersona", id, &request)?;
        let persona = request.persona.unwrap_or_default();
        let name = fields::text("persona.name", persona.name)?;
        let description = fields::text("persona.description", persona.description)?;
        let persona = self
            .personas
            .create_persona(&ctx, name, description, key)
            .await?;
        Ok(Response::new(pb::CreatePersonaResponse {
            persona: Some(persona.into()),
        }))
    }

    async fn list_personas(
        &self,
        request: Request<pb::ListPersonasRequest>,
    ) -> Result<Response<pb::ListPersonasResponse>, Status> {
        let user = Ctx::of(&request)?.user_id()?;
        let request = request.into_inner();
        let scope = format!("personas/{user}");
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let limit = page.limit() as u64;
        let read = personas::list(self.personas.db.read(), user, page.after, limit).await;
        let (personas, next_page_token) = page.cut(read.map_err(Error::from)?, |last| last.id);
        Ok(Response::new(pb::ListPersonasResponse {
            personas: personas.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn get_persona(
        &self,
        request: Request<pb::GetPersonaRequest>,
    ) -> Result<Response<pb::GetPersonaResponse>, Status> {
        let user = Ctx::of(&request)?.user_id()?;
        let id = fields::id("persona_id", &request.get_ref().persona_id)?;
        let persona = personas::find(self.personas.db.read(), user, id)
            .await
            .map_err(Error::from)?;
        let persona = persona.ok_or(Error::NotFound("persona"))?;
        Ok(Response::new(pb::GetPersonaResponse {
            persona: Some(persona.into()),
        }))
    }

    async fn update_persona(
        &self,
        request: Request<pb::UpdatePersonaRequest>,
    ) -> Result<Response<pb::UpdatePersonaResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let persona = request.persona.unwrap_or_default();
        let id = fields::id("persona.id", &persona.id)?;
        let set = [
            ("name", !persona.name.is_empty()),
            ("description", !persona.description.is_empty()),
            // Over HTTP, a mask names all that the body has.
            ("etag", false),
        ];
        let named = masked(request.update_mask, &set)?;
        let etag = persona.etag;
        let name = fields::text("persona.name", persona.name)?;
        let description = fields::text("persona.description", persona.description)?;
        let patch = PersonaPatch {
            name: named.contains(&"name").then_some(name),
            description: named.contains(&"description").then_some(description),
        };
        let persona = self.personas.update_persona(&ctx, id, patch, &etag).await?;
        Ok(Response::new(pb::UpdatePersonaResponse {
            persona: Some(persona.into()),
        }))
    }

    async fn delete_persona(
        &self,
        request: Request<pb::DeletePersonaRequest>,
    ) -> Result<Response<pb::DeletePersonaResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("persona_id", &request.get_ref().persona_id)?;
        let etag = &request.get_ref().etag;
        self.personas.delete_persona(&ctx, id, etag).await?;
        Ok(Response::new(pb::DeletePersonaResponse {}))
    }
}

impl From<Persona> for pb::Persona {
    fn from(persona: Persona) -> Self {
        Self {
            id: persona.id.to_string(),
            name: persona.name,
            description: persona.description,
            etag: etag(persona.update_time),
            create_time: Some(persona.create_time.into()),
            update_time: Some(persona.update_time.into()),
        }
    }
}
