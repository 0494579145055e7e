//! Opens a session with a character.

use std::borrow::Cow;

use mesh::Ctx;
use platform::Timestamp;
use sea_orm::ConnectionTrait;
use service::RequestKey;

use super::access::enter;
use super::cast::{Player, Sheet};
use super::once::Once;
use super::plot::Plot;
use super::tell::Telling;
use super::words::Words;
use super::{Chats, Error};
use crate::domain::ids::{BranchId, CharacterId, MessageId, PersonaId, SessionId, UserId};
use crate::domain::message::{Author, Message, MessageKind};
use crate::domain::participant::{Right, Seat};
use crate::domain::session::{
    Branch, FIRST_BRANCH_TITLE, MAX_GREETINGS, MAX_TITLE_CHARS, ReplySettings, Session,
};
use crate::domain::story::NewStory;
use crate::infrastructure::queries::messages::NewMessage;
use crate::infrastructure::queries::{branches, messages, participants, sessions, stories};

/// A session to open.
pub(crate) struct NewSession {
    /// The character.
    pub(crate) character_id: CharacterId,
    /// Whom the person plays; none for themselves.
    pub(crate) persona_id: Option<PersonaId>,
    /// Title; empty for the character's name.
    pub(crate) title: String,
    /// The model; empty for the default one.
    pub(crate) model_id: String,
    /// How replies are generated.
    pub(crate) settings: ReplySettings,
    /// What it starts from; nothing if from no scenario.
    pub(crate) story: Option<NewStory>,
}

impl Chats {
    /// Opens a session with a character that the caller may use, by a link if there is a token. The character's greeting is its
    /// first message, the alternate greetings are swipes of it. A repeat of the request gets the session of the first, as it is now.
    pub(crate) async fn create_session(
        &self,
        ctx: &Ctx,
        new: NewSession,
        token: &str,
        key: Option<RequestKey>,
    ) -> Result<(Session, Option<Message>), Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let once = &Once::new(user, key);
        if let Some(opened) = self.opened_before(ctx, once).await? {
            return Ok(opened);
        }
        let linked = self.access.linked(db, token, self.clock.now()).await?;
        self.access
            .usable_character(db, user, new.character_id, linked)
            .await?;
        let opener = self.opener(ctx, new.persona_id).await?;
        self.open_session(ctx, new, opener, once).await
    }

    /// The caller's place in a session that they will open, and whom they play. The persona must be theirs.
    pub(super) async fn opener(
        &self,
        ctx: &Ctx,
        persona_id: Option<PersonaId>,
    ) -> Result<(Seat, Player), Error> {
        let seat = Seat {
            persona_id,
            ..Seat::of_newcomer(ctx.user_id()?)
        };
        self.seated(ctx, seat).await
    }

    /// The session that the same request opened before, if it is a repeat: before anything is looked at that may be gone since.
    pub(super) async fn opened_before(
        &self,
        ctx: &Ctx,
        once: &Once,
    ) -> Result<Option<(Session, Option<Message>)>, Error> {
        let db = self.db.read();
        let Some(made) = once.made(db).await? else {
            return Ok(None);
        };
        let (session, greeting) = opened(db, ctx.user_id()?, made).await?;
        self.greeted(ctx, session, greeting).await.map(Some)
    }

    /// Opens a session with a character that the caller may use.
    pub(super) async fn open_session(
        &self,
        ctx: &Ctx,
        new: NewSession,
        (seat, player): (Seat, Player),
        once: &Once,
    ) -> Result<(Session, Option<Message>), Error> {
        let user = ctx.user_id()?;
        let sheet = self
            .sheet(new.character_id, &new.settings.prompt, None)
            .await?
            .ok_or(Error::NotFound("character"))?;
        let id = SessionId::new();
        let me = Seat {
            persona_id: seat.persona_id,
            name: seat.name,
            ..Seat::of_opener(id, user)
        };
        if !new.model_id.is_empty() {
            self.models.resolve(ctx, &new.model_id).await?;
        }
        let now = self.clock.now();
        let name = sheet.card.display_name().into_owned();
        let story = &new.story;
        let greetings = greetings(&sheet, story.as_ref(), &name, now);
        let branch = Branch {
            id: BranchId::new(),
            session_id: id,
            title: FIRST_BRANCH_TITLE.to_owned(),
            head: greetings.first().map(|greeting| greeting.id),
            create_time: now,
            update_time: now,
        };
        let session = Session {
            id,
            user_id: user,
            me,
            shared: false,
            character_id: Some(new.character_id),
            title: title(new.title, &name),
            character_name: name,
            scenario: story.as_ref().map(NewStory::session_scenario),
            model_id: new.model_id,
            settings: new.settings,
            branch,
            running_generation_id: None,
            create_time: now,
            last_use_time: now,
            update_time: now,
        };
        if let Some(story) = story {
            let plot = Plot::begun(user, sheet, story);
            let words = Words::of(&session, plot, player, None);
            words.check_greeting(&session, &story.origin.opening)?;
        }
        let (stored, greetings, cause) = (&session, &greetings, &ctx.cause());
        let opening = self
            .db
            .transaction(|tx| {
                Box::pin(async move {
                    if let Some(made) = once.made(tx).await? {
                        return opened(tx, user, made).await;
                    }
                    let telling = self.telling(tx, stored, cause);
                    let greeting = store(telling, stored, story.as_ref(), greetings).await?;
                    once.note(tx, stored.id, now).await?;
                    Ok((stored.clone(), greeting))
                })
            })
            .await;
        let (session, greeting) = opening?;
        self.greeted(ctx, session, greeting).await
    }

    /// An opened session, with its greeting as it is shown.
    async fn greeted(
        &self,
        ctx: &Ctx,
        session: Session,
        greeting: Option<Message>,
    ) -> Result<(Session, Option<Message>), Error> {
        let Some(greeting) = greeting else {
            return Ok((session, None));
        };
        let greeting = self.shown(ctx, &session, greeting).await?;
        Ok((session, Some(greeting)))
    }
}

/// The greetings of a character, as the card has them, or the one of the scenario.
fn greetings(
    sheet: &Sheet,
    story: Option<&NewStory>,
    name: &str,
    now: Timestamp,
) -> Vec<NewMessage> {
    let opening = story.map_or("", |story| &story.origin.opening);
    let greetings = match opening.trim().is_empty() {
        true => sheet.card.greetings(),
        false => vec![Cow::Borrowed(opening)],
    };
    let greetings = greetings.into_iter().take(MAX_GREETINGS);
    let message = |greeting: Cow<'_, str>| NewMessage {
        id: MessageId::new(),
        author: Author::Character,
        by: None,
        kind: MessageKind::Dialogue,
        speaker_name: name.to_owned(),
        text: greeting.into_owned(),
        generation_id: None,
        create_time: now,
        is_template: true,
    };
    greetings.map(message).collect()
}

/// The title that was given, or the name, which may be longer than a title that people can change.
fn title(given: String, name: &str) -> String {
    match given.is_empty() {
        true => name.chars().take(MAX_TITLE_CHARS).collect(),
        false => given,
    }
}

/// A session that an earlier request opened, with its greeting.
async fn opened(
    db: &impl ConnectionTrait,
    user: UserId,
    id: SessionId,
) -> Result<(Session, Option<Message>), Error> {
    let session = enter(db, user, id, Right::Watch).await?;
    let first = messages::list_siblings(db, id, None)
        .await?
        .into_iter()
        .find(|message| message.author == Author::Character);
    let greeting = match first {
        Some(first) => messages::find_whole(db, id, first.id).await?,
        None => None,
    };
    Ok((session, greeting))
}

async fn store(
    telling: Telling<'_>,
    session: &Session,
    story: Option<&NewStory>,
    greetings: &[NewMessage],
) -> Result<Option<Message>, Error> {
    let tx = telling.tx;
    sessions::insert(tx, session).await?;
    participants::put(tx, session.id, &session.me, session.create_time).await?;
    if let Some(story) = story {
        stories::insert(tx, session.id, story).await?;
    }
    branches::insert(tx, session.branch.clone()).await?;
    telling.session_created(session.create_time)?;
    telling.greeted(&messages::insert_greetings(tx, session.id, greetings))?;
    match session.branch.head {
        Some(head) => Ok(messages::find_whole(tx, session.id, head).await?),
        None => Ok(None),
    }
}
