//! Makes scenarios of sessions.

use mesh::Ctx;
use service::RequestKey;

use super::ancestry::Path;
use super::ensemble::Ensemble;
use super::scenarios::{Scenarios, Seen};
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::macros::literal;
use crate::domain::message::{Author, Message};
use crate::domain::scenario::{CastRole, MAX_ROLE_CHARS, Script};
use crate::domain::session::Session;
use crate::domain::story::{Origin, Story, as_roles};
use crate::infrastructure::queries::{lorebooks, messages, stories};

impl Scenarios {
    /// Makes a scenario of a session of the caller.
    pub(crate) async fn create_from_session(
        &self,
        ctx: &Ctx,
        chats: &Chats,
        id: SessionId,
        name: String,
        key: Option<RequestKey>,
    ) -> Result<Seen, Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let session = chats.get_session(ctx, id).await?;
        let ensemble = chats.ensemble(&session).await?;
        if ensemble.is_story_secret() {
            return Err(Error::CardHidden("scenario"));
        }
        let story = ensemble.story.as_deref();
        let origin = match story {
            Some(_) => stories::origin(db, id).await?.unwrap_or_default(),
            None => Origin::default(),
        };
        let mut scenario = self.blank(user);
        scenario.script = script_of(&session, story, &origin);
        if !name.is_empty() {
            scenario.script.name = name;
        }
        if origin.opening.trim().is_empty() {
            let first = chats.first_of_character(ctx, &session, &ensemble).await?;
            scenario.script.opening = first.map(opening_of).unwrap_or_default();
        }
        scenario.cast = as_roles(stories::roles(db, id).await?, &ensemble.cast);
        if scenario.cast.is_empty() {
            let name = session.character_name.chars();
            scenario.cast = vec![CastRole {
                name: name.take(MAX_ROLE_CHARS).collect(),
                ..CastRole::default()
            }];
        }
        self.open_roles(user, &mut scenario.cast).await?;
        let ids = stories::lorebook_ids(db, id).await?;
        let owned = lorebooks::owned(db, user, &ids).await?;
        let ids = ids.into_iter().filter(|id| owned.contains(id));
        scenario.lorebook_ids = ids.collect();
        self.keep(ctx, scenario, key).await
    }
}

/// What a session says beside its messages. What was filled in becomes the defaults.
fn script_of(session: &Session, story: Option<&Story>, origin: &Origin) -> Script {
    let mut script = Script {
        name: session.title.clone(),
        settings: session.settings.clone(),
        opening: origin.opening.clone(),
        variables: origin.variables.clone(),
        blanks: origin.blanks.clone(),
        ..Script::default()
    };
    if let Some(story) = story {
        script.premise.clone_from(&story.told.premise);
        script.notes.clone_from(&story.told.notes);
        for blank in &mut script.blanks {
            let answer = story.told.filled.blanks.get(&blank.name);
            blank.default_value = answer.filter(|it| !it.is_empty()).cloned();
        }
    }
    script
}

/// A message as an opening. One that has been answered has no macros, whatever it looks like.
fn opening_of(first: Message) -> String {
    match first.is_template {
        true => first.text,
        false => literal(&first.text).into_owned(),
    }
}

impl Chats {
    /// The first message of the selected branch, if it is the character's: as it is stored where it is a greeting of the caller's own
    /// card that plays now, and else as it is shown. It may be of another card than the one that plays. Several characters that greet with
    /// the words of their cards do so again.
    async fn first_of_character(
        &self,
        ctx: &Ctx,
        session: &Session,
        ensemble: &Ensemble,
    ) -> Result<Option<Message>, Error> {
        let Some(tip) = session.branch.head else {
            return Ok(None);
        };
        let db = self.db.read();
        let firsts = messages::list_siblings(db, session.id, None).await?;
        let ids: Vec<MessageId> = firsts.iter().map(|first| first.id).collect();
        let path = Path {
            session: session.id,
            tip,
            recent: &[tip],
        };
        let held = self.memories.ancestry.among(path, &ids).await?;
        let first = firsts.into_iter().find(|first| held.contains(&first.id));
        let Some(first) = first.filter(|first| first.author == Author::Character) else {
            return Ok(None);
        };
        let first = messages::find_whole(db, session.id, first.id).await?;
        let greets = |it: &Message| it.generation_id.is_none() && it.edit_time.is_none();
        let Some(first) = first.filter(|first| !(ensemble.is_group() && greets(first))) else {
            return Ok(None);
        };
        let said = ensemble.who_said(first.author, first.character_id, &first.speaker_name);
        let sheet = said.and_then(|id| ensemble.sheet(id));
        let own = sheet.filter(|sheet| sheet.owner_id == session.me.user_id);
        if own.is_some_and(|sheet| sheet.card.greetings().iter().any(|it| **it == *first.text)) {
            return Ok(Some(first));
        }
        let mut first = self.shown(ctx, session, first).await?;
        first.is_template = false;
        Ok(Some(first))
    }
}
