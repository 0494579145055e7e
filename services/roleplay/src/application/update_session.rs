//! Changes a session.

use mesh::Ctx;

use super::{Chats, Error};
use crate::domain::ids::{CharacterId, PersonaId, SessionId};
use crate::domain::session::{ReplySettings, Session, Setting};
use crate::infrastructure::queries::{personas, sessions};

/// The fields to change; none leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionPatch {
    /// The character that it must have: this can't be changed.
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
    /// Changes a session. Persona and model must be there.
    pub(crate) async fn update_session(
        &self,
        ctx: &Ctx,
        id: SessionId,
        patch: SessionPatch,
    ) -> Result<Session, Error> {
        let (user, now) = (ctx.user_id()?, self.host.clock.now());
        self.get_session(ctx, id).await?;
        if let Some(model_id) = patch.model_id.as_deref().filter(|id| !id.is_empty()) {
            self.models.resolve(ctx, model_id).await?;
        }
        let patch = &patch;
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let patch = patch.clone();
                    let session = sessions::find(tx, user, id).await?;
                    let mut session = session.ok_or(Error::NotFound("session"))?;
                    check_character(&session, patch.character_id)?;
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

fn check_character(session: &Session, asked: Option<CharacterId>) -> Result<(), Error> {
    if asked.is_none() || asked == session.character_id {
        return Ok(());
    }
    Err(Error::Invalid {
        field: "session.character_id",
        description: "can't be changed: open another session",
    })
}
