//! Changes a session.

use mesh::Ctx;

use super::{Chats, Error};
use crate::domain::ids::{CharacterId, PersonaId, SessionId};
use crate::domain::session::{PromptChoices, ReplySettings, Session, Setting};
use crate::infrastructure::queries::{personas, sessions};

/// The fields to change; none leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionPatch {
    /// Another character, or the one that it has.
    pub(crate) character_id: Option<CharacterId>,
    /// Title.
    pub(crate) title: Option<String>,
    /// Whom the person plays; `Some(None)` for themselves.
    pub(crate) persona_id: Option<Option<PersonaId>>,
    /// The model; empty for the default one.
    pub(crate) model_id: Option<String>,
    /// Which settings change.
    pub(crate) changed_settings: Vec<Setting>,
    /// Their new values.
    pub(crate) settings: ReplySettings,
}

impl Chats {
    /// Changes a session. Character, persona and model must be there.
    pub(crate) async fn update_session(
        &self,
        ctx: &Ctx,
        id: SessionId,
        patch: SessionPatch,
    ) -> Result<Session, Error> {
        let (user, now) = (ctx.user_id()?, self.host.clock.now());
        let session = self.get_session(ctx, id).await?;
        let character = match patch.character_id {
            // The one that it has stays, whoever may use it by now.
            Some(character) if session.character_id != Some(character) => {
                Some(self.next_character(ctx, character).await?)
            }
            _ => None,
        };
        if let Some(model_id) = patch.model_id.as_deref().filter(|id| !id.is_empty()) {
            self.models.resolve(ctx, model_id).await?;
        }
        let (patch, character) = (&patch, &character);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let patch = patch.clone();
                    let session = sessions::find(tx, user, id).await?;
                    let mut session = session.ok_or(Error::NotFound("session"))?;
                    if let Some(character) = character {
                        let access = &self.access;
                        access
                            .usable_character(tx, user, character.id, None)
                            .await?;
                        character.clone().enter(&mut session);
                    }
                    if let Some(Some(persona)) = patch.persona_id {
                        let persona = personas::find(tx, user, persona).await?;
                        persona.ok_or(Error::NotFound("persona"))?;
                    }
                    session.title = match patch.title {
                        Some(title) if title.is_empty() => session.character_name.clone(),
                        Some(title) => title,
                        None => session.title,
                    };
                    session.persona_id = patch.persona_id.unwrap_or(session.persona_id);
                    session.model_id = patch.model_id.unwrap_or(session.model_id);
                    (session.settings).take(&patch.changed_settings, &patch.settings);
                    session.update_time = now;
                    sessions::update(tx, &session).await?;
                    Ok(session)
                })
            })
            .await
    }
}

/// A character that a session gets.
#[derive(Clone)]
struct NextCharacter {
    id: CharacterId,
    name: String,
}

impl Chats {
    async fn next_character(&self, ctx: &Ctx, id: CharacterId) -> Result<NextCharacter, Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        self.access.usable_character(db, user, id, None).await?;
        let sheet = self.sheet(id, &PromptChoices::default(), None).await?;
        let sheet = sheet.ok_or(Error::NotFound("character"))?;
        let name = sheet.card.display_name().into_owned();
        Ok(NextCharacter { id, name })
    }
}

impl NextCharacter {
    /// Takes the place of the character that the session has. A title that was the name of that one follows.
    fn enter(self, session: &mut Session) {
        if session.character_id == Some(self.id) {
            return;
        }
        if session.title == session.character_name {
            session.title.clone_from(&self.name);
        }
        session.character_id = Some(self.id);
        session.character_name = self.name;
    }
}
