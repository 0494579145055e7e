//! Opens a session with a character, or with several.

use std::borrow::Cow;
use std::sync::Arc;

use mesh::Ctx;
use sea_orm::ConnectionTrait;
use service::RequestKey;

use super::access::enter;
use super::cast::{Player, Sheet};
use super::cast_members::NewMember;
use super::ensemble::Ensemble;
use super::once::Once;
use super::tell::Telling;
use super::words::Words;
use super::{Chats, Error};
use crate::domain::cast::{Cast, CastMember};
use crate::domain::ids::{BranchId, CharacterId, MessageId, PersonaId, SessionId, UserId};
use crate::domain::message::{Author, Message, MessageKind};
use crate::domain::participant::{Right, Seat};
use crate::domain::session::{Branch, MAX_GREETINGS, MAX_TITLE_CHARS, ReplySettings, Session};
use crate::domain::story::NewStory;
use crate::infrastructure::queries::messages::NewMessage;
use crate::infrastructure::queries::{branches, cast, messages, participants, sessions, stories};

/// A session to open.
pub(crate) struct NewSession {
    /// The character, of several the first.
    pub(crate) first: NewMember,
    /// The other characters, in their order.
    pub(crate) others: Vec<NewMember>,
    /// Whom the person plays; none for themselves.
    pub(crate) persona_id: Option<PersonaId>,
    /// Title; empty for the names of the characters.
    pub(crate) title: String,
    /// The model; empty for the default one.
    pub(crate) model_id: String,
    /// How replies are generated.
    pub(crate) settings: ReplySettings,
    /// What it starts from; nothing if from no scenario.
    pub(crate) story: Option<NewStory>,
}

impl NewSession {
    /// All characters, in their order.
    pub(super) fn members(&self) -> impl Iterator<Item = &NewMember> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// A session as it is stored when it is opened.
struct Opening {
    session: Session,
    cast: Cast,
    story: Option<NewStory>,
    /// Of each character that has any, in their order.
    greetings: Vec<Vec<NewMessage>>,
}

impl Chats {
    /// Opens a session with characters that the caller may use, one of them by a link if there is a token. The greeting of the first is
    /// its first message, the alternate greetings are swipes of it. A repeat of the request gets the session of the first, as it is now.
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
        let ids: Vec<CharacterId> = new.members().map(|it| it.character_id).collect();
        let usable = self.access.characters(db, user, ids.clone()).await?;
        for id in ids {
            usable.name(id, linked)?;
        }
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

    /// Opens a session with characters that the caller may use.
    pub(super) async fn open_session(
        &self,
        ctx: &Ctx,
        new: NewSession,
        (seat, player): (Seat, Player),
        once: &Once,
    ) -> Result<(Session, Option<Message>), Error> {
        let (user, id) = (ctx.user_id()?, SessionId::new());
        let me = Seat {
            persona_id: seat.persona_id,
            name: seat.name,
            ..Seat::of_opener(id, user)
        };
        if !new.model_id.is_empty() {
            self.models.resolve(ctx, &new.model_id).await?;
        }
        let opening = self.opening_of(new, id, (me, player)).await?;
        let (opening, cause) = (&opening, &ctx.cause());
        let stored = self
            .db
            .transaction(|tx| {
                Box::pin(async move {
                    if let Some(made) = once.made(tx).await? {
                        return opened(tx, user, made).await;
                    }
                    let session = &opening.session;
                    let greeting = store(self.telling(tx, session, cause), opening).await?;
                    once.note(tx, session.id, session.create_time).await?;
                    Ok((session.clone(), greeting))
                })
            })
            .await;
        let (session, greeting) = stored?;
        self.greeted(ctx, session, greeting).await
    }

    /// A session as it begins, with the place of the person who opens it.
    async fn opening_of(
        &self,
        new: NewSession,
        id: SessionId,
        (me, player): (Seat, Player),
    ) -> Result<Opening, Error> {
        let now = self.clock.now();
        let (cast, sheets) = self.new_cast(&new, id, now).await?;
        let story = new.story;
        let greetings = all_greetings(&cast, &sheets, story.as_ref());
        let last = greetings.last().and_then(|last| last.first());
        let branch = Branch {
            id: BranchId::new(),
            session_id: id,
            title: Branch::title_at(1),
            head: last.map(|it| it.id),
            create_time: now,
            update_time: now,
        };
        let first = cast.first();
        let session = Session {
            id,
            user_id: me.user_id,
            me,
            shared: false,
            character_id: first.map(|it| it.character_id),
            title: title(new.title, &cast),
            character_name: first.map(|it| it.name.clone()).unwrap_or_default(),
            scenario: story.as_ref().map(NewStory::session_scenario),
            model_id: new.model_id,
            settings: new.settings,
            branch,
            running_generation_id: None,
            create_time: now,
            last_use_time: now,
            update_time: now,
        };
        if let Some(story) = &story {
            let begun = Ensemble::begun(session.user_id, cast.clone(), &sheets, &story.story);
            let words = Words::of(&session, (Arc::new(begun), None), player, None);
            words.check_opening(&session, &story.origin.opening)?;
        }
        Ok(Opening {
            session,
            cast,
            story,
            greetings,
        })
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

/// What a session begins with: the opening of its scenario, which the first character says; or else the greetings of all characters, as
/// their cards have them. Those are so many in all, and at least one of each that has one.
fn all_greetings(
    cast: &Cast,
    sheets: &[Arc<Sheet>],
    story: Option<&NewStory>,
) -> Vec<Vec<NewMessage>> {
    let opening = story.map(|story| story.origin.opening.as_str());
    let opening = opening.filter(|opening| !opening.trim().is_empty());
    if let (Some(opening), Some(first)) = (opening, cast.first()) {
        return vec![greetings(vec![Cow::Borrowed(opening)], first)];
    }
    let mut left = MAX_GREETINGS.saturating_sub(cast.members().len() - 1);
    let of_one = |(member, sheet): (&CastMember, &Arc<Sheet>)| {
        let mut own = match cast.is_group() {
            true => sheet.card.group_greetings(),
            false => sheet.card.greetings(),
        };
        own.truncate(left.max(1));
        left = left.saturating_sub(own.len());
        greetings(own, member)
    };
    let all = cast.members().iter().zip(sheets).map(of_one);
    all.filter(|of_one| !of_one.is_empty()).collect()
}

fn greetings(own: Vec<Cow<'_, str>>, member: &CastMember) -> Vec<NewMessage> {
    let message = |greeting: Cow<'_, str>| NewMessage {
        id: MessageId::new(),
        author: Author::Character,
        by: None,
        character_id: Some(member.character_id),
        kind: MessageKind::Dialogue,
        speaker_name: member.name.clone(),
        text: greeting.into_owned(),
        generation_id: None,
        create_time: member.create_time,
        is_template: true,
    };
    own.into_iter().map(message).collect()
}

/// The title that was given, or the names, which may be longer than a title that people can change.
fn title(given: String, cast: &Cast) -> String {
    if !given.is_empty() {
        return given;
    }
    let names: Vec<&str> = cast.members().iter().map(|it| it.name.as_str()).collect();
    names.join(", ").chars().take(MAX_TITLE_CHARS).collect()
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

async fn store(telling: Telling<'_>, opening: &Opening) -> Result<Option<Message>, Error> {
    let (tx, session) = (telling.tx, &opening.session);
    sessions::insert(tx, session).await?;
    participants::put(tx, session.id, &session.me, session.create_time).await?;
    if let Some(story) = &opening.story {
        stories::insert(tx, session.id, story).await?;
    }
    if opening.cast.is_told() {
        cast::put(tx, session.id, &opening.cast).await?;
    }
    branches::insert(tx, session.branch.clone()).await?;
    telling.session_created(session.create_time)?;
    telling.greeted(&messages::insert_greetings(
        tx,
        session.id,
        &opening.greetings,
    ))?;
    match opening.greetings.first().and_then(|first| first.first()) {
        Some(first) => Ok(messages::find_whole(tx, session.id, first.id).await?),
        None => Ok(None),
    }
}
