//! Changes a session.

use mesh::Ctx;
use platform::Timestamp;
use storage::database::Transaction;

use super::access::{enter, enter_as_caller};
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, PersonaId, SessionId, UserId};
use crate::domain::participant::Right;
use crate::domain::session::{PromptChoices, ReplySettings, Session, Setting};
use crate::infrastructure::queries::{cast, participants, personas, sessions};

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
    /// Changes a session. Character and persona must be the caller's, and the model there.
    pub(crate) async fn update_session(
        &self,
        ctx: &Ctx,
        id: SessionId,
        patch: SessionPatch,
    ) -> Result<Session, Error> {
        let (user, now) = (ctx.user_id()?, self.clock.now());
        let right = patch.right();
        let session = enter_as_caller(&self.db, ctx, id, right).await?;
        let character = match patch.character_id {
            // The one that it has stays, whoever may use it by now.
            Some(character) if session.character_id != Some(character) => {
                Some(self.next_character(user, character).await?)
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
                    let before = enter(tx, user, id, right).await?;
                    let mut session = before.clone();
                    if let Some(character) = character {
                        let access = &self.access;
                        access
                            .usable_character(tx, user, character.id, None)
                            .await?;
                        recast(tx, &session, character, now).await?;
                        character.clone().enter(&mut session);
                    }
                    if let Some(persona) = patch.persona_id {
                        play(tx, &mut session, persona, now).await?;
                    }
                    if right == Right::Watch && !session.me.role.has(Right::Manage) {
                        return Ok(session);
                    }
                    session.title = match patch.title {
                        Some(title) if title.is_empty() => session.character_name.clone(),
                        Some(title) => title,
                        None => session.title,
                    };
                    session.model_id = patch.model_id.unwrap_or(session.model_id);
                    (session.settings).take(&patch.changed_settings, &patch.settings);
                    if session != before {
                        session.update_time = now;
                        sessions::update(tx, &session).await?;
                    }
                    Ok(session)
                })
            })
            .await
    }
}

impl SessionPatch {
    /// What it takes: whom somebody plays is theirs to say, and all else its owner's.
    fn right(&self) -> Right {
        let changes_session = self.character_id.is_some()
            || self.title.is_some()
            || self.model_id.is_some()
            || !self.changed_settings.is_empty();
        match (changes_session, self.persona_id) {
            (false, Some(_)) => Right::Watch,
            _ => Right::Manage,
        }
    }
}

/// Notes whom the person plays who looks at a session.
pub(super) async fn play(
    tx: &Transaction<'_>,
    session: &mut Session,
    persona: Option<PersonaId>,
    now: Timestamp,
) -> Result<(), Error> {
    let me = &mut session.me;
    if me.persona_id == persona {
        return Ok(());
    }
    if let Some(persona) = persona {
        let persona = personas::find(tx, me.user_id, persona).await?;
        persona.ok_or(Error::NotFound("persona"))?;
    }
    me.persona_id = persona;
    Ok(participants::put(tx, session.id, me, now).await?)
}

/// A character that a session gets.
#[derive(Clone)]
struct NextCharacter {
    id: CharacterId,
    name: String,
}

impl Chats {
    async fn next_character(&self, user: UserId, id: CharacterId) -> Result<NextCharacter, Error> {
        let db = self.db.read();
        self.access.usable_character(db, user, id, None).await?;
        let sheet = self.sheet(id, &PromptChoices::default()).await?;
        let sheet = sheet.ok_or(Error::NotFound("character"))?;
        let name = sheet.card.display_name().into_owned();
        Ok(NextCharacter { id, name })
    }
}

/// Gives the part of the session's character to another one, where something is said of it.
async fn recast(
    tx: &Transaction<'_>,
    session: &Session,
    character: &NextCharacter,
    now: Timestamp,
) -> Result<(), Error> {
    if cast::is_listed(tx, session.id).await? {
        let mut listed = cast::of(tx, session).await?;
        listed.recast_first(character.id, character.name.clone(), now);
        cast::put(tx, session.id, &listed).await?;
    }
    Ok(())
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
