//! Personas: made, changed and deleted. Reading them is presentation's, straight from the queries.

use mesh::Ctx;
use platform::Clock;
use service::RequestKey;
use storage::Database;

use super::Error;
use super::error::check_etag;
use super::once::Once;
use crate::domain::etag::change_time;
use crate::domain::ids::PersonaId;
use crate::domain::name;
use crate::domain::persona::Persona;
use crate::infrastructure::queries::{participants, personas, sessions};

/// Personas. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Personas {
    pub(crate) db: Database,
    pub(crate) clock: Clock,
}

/// The fields to change; none leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct PersonaPatch {
    /// Name; not blank.
    pub(crate) name: Option<String>,
    /// Goes into the prompt.
    pub(crate) description: Option<String>,
}

impl Personas {
    /// Makes a persona; a repeat of the request gets the one that the first made.
    pub(crate) async fn create_persona(
        &self,
        ctx: &Ctx,
        name: String,
        description: String,
        key: Option<RequestKey>,
    ) -> Result<Persona, Error> {
        check_name(&name)?;
        let (user, now) = (ctx.user_id()?, self.clock.now());
        let persona = Persona {
            id: PersonaId::new(),
            name,
            description,
            create_time: now,
            update_time: now,
        };
        let (once, persona) = (&Once::new(user, key), &persona);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    if let Some(made) = once.made(tx).await? {
                        let made = personas::find(tx, user, made).await?;
                        return made.ok_or(Error::NotFound("persona"));
                    }
                    personas::insert(tx, user, persona).await?;
                    once.note(tx, persona.id, now).await?;
                    Ok(persona.clone())
                })
            })
            .await
    }

    /// Changes a persona. It must still have the etag, unless that is empty.
    pub(crate) async fn update_persona(
        &self,
        ctx: &Ctx,
        id: PersonaId,
        patch: PersonaPatch,
        etag: &str,
    ) -> Result<Persona, Error> {
        let (user, patch, now) = (ctx.user_id()?, &patch, self.clock.now());
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let PersonaPatch { name, description } = patch.clone();
                    let persona = personas::find(tx, user, id).await?;
                    let seen = persona.ok_or(Error::NotFound("persona"))?;
                    check_etag("persona", seen.update_time, etag)?;
                    let mut persona = seen.clone();
                    persona.name = name.unwrap_or(persona.name);
                    persona.description = description.unwrap_or(persona.description);
                    check_name(&persona.name)?;
                    if persona != seen {
                        persona.update_time = change_time(now, persona.update_time);
                        personas::update(tx, &persona).await?;
                    }
                    Ok(persona)
                })
            })
            .await
    }

    /// Deletes a persona. Sessions that use it continue without one. It must still have the etag, unless that is empty.
    pub(crate) async fn delete_persona(
        &self,
        ctx: &Ctx,
        id: PersonaId,
        etag: &str,
    ) -> Result<(), Error> {
        let (user, now) = (ctx.user_id()?, self.clock.now());
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let persona = personas::find(tx, user, id).await?;
                    let persona = persona.ok_or(Error::NotFound("persona"))?;
                    check_etag("persona", persona.update_time, etag)?;
                    personas::delete(tx, user, id).await?;
                    sessions::forget_persona(tx, id, now).await?;
                    Ok(participants::forget_persona(tx, id, now).await?)
                })
            })
            .await
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    if name::is_blank(name) {
        let (field, description) = ("persona.name", "must not be blank");
        return Err(Error::Invalid { field, description });
    }
    Ok(())
}
