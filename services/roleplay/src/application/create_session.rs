//! Opens a session with a character.

use std::borrow::Cow;
use std::sync::Arc;

use mesh::Ctx;
use platform::Timestamp;
use sea_orm::ConnectionTrait;
use service::RequestKey;

use super::access::enter;
use super::cast::Sheet;
use super::cast_members::NewMember;
use super::once::Once;
use super::tell::Telling;
use super::{Chats, Error};
use crate::domain::cast::{Cast, CastMember};
use crate::domain::ids::{BranchId, CharacterId, MessageId, PersonaId, SessionId, UserId};
use crate::domain::message::{Author, Message, MessageKind};
use crate::domain::participant::{Right, Seat};
use crate::domain::session::{
    Branch, FIRST_BRANCH_TITLE, MAX_GREETINGS, MAX_TITLE_CHARS, ReplySettings, Session,
};
use crate::infrastructure::queries::messages::NewMessage;
use crate::infrastructure::queries::{branches, cast, messages, participants, sessions};

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
    /// The other characters, in their order.
    pub(crate) cast: Vec<NewMember>,
}

impl Chats {
    /// Opens a session. The character's greeting is its first message, the alternate greetings are swipes of it. A repeat of the
    /// request gets the session of the first, as it is now.
    pub(crate) async fn create_session(
        &self,
        ctx: &Ctx,
        new: NewSession,
        key: Option<RequestKey>,
    ) -> Result<(Session, Option<Message>), Error> {
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let once = &Once::new(user, key);
        // Before anything is looked at that may be gone since the first.
        if let Some(made) = once.made(db).await? {
            let (session, greeting) = opened(db, user, made).await?;
            return self.greeted(ctx, session, greeting).await;
        }
        let sheet = self
            .sheet(user, new.character_id, &new.settings.prompt)
            .await?
            .ok_or(Error::NotFound("character"))?;
        let id = SessionId::new();
        let me = Seat {
            persona_id: new.persona_id,
            ..Seat::of_opener(id, user)
        };
        let me = self.seated(ctx, me).await?;
        if !new.model_id.is_empty() {
            self.models.resolve(ctx, &new.model_id).await?;
        }
        let now = self.host.clock.now();
        let name = sheet.card.display_name().into_owned();
        let (cast, sheets) = self.new_cast(ctx, &new, (id, sheet), now).await?;
        let greetings = all_greetings(&cast, &sheets, now);
        let branch = Branch {
            id: BranchId::new(),
            session_id: id,
            title: FIRST_BRANCH_TITLE.to_owned(),
            head: greetings
                .last()
                .and_then(|last| last.first())
                .map(|it| it.id),
            create_time: now,
            update_time: now,
        };
        let session = Session {
            id,
            user_id: user,
            me,
            shared: false,
            character_id: Some(new.character_id),
            title: title(new.title, &cast),
            character_name: name,
            model_id: new.model_id,
            settings: new.settings,
            branch,
            running_generation_id: None,
            create_time: now,
            last_use_time: now,
            update_time: now,
        };
        let (stored, cause) = (&session, &ctx.cause());
        let (greetings, cast, listed) = (&greetings, &cast, cast.is_group());
        let opening = self
            .db
            .transaction(|tx| {
                Box::pin(async move {
                    if let Some(made) = once.made(tx).await? {
                        return opened(tx, user, made).await;
                    }
                    let telling = self.telling(tx, stored, cause);
                    let greeting = store(telling, stored, greetings).await?;
                    if listed {
                        cast::put(tx, stored.id, cast).await?;
                    }
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

/// The greetings of all characters, as their cards have them: so many in all, and at least one of each that has one.
fn all_greetings(cast: &Cast, sheets: &[Arc<Sheet>], now: Timestamp) -> Vec<Vec<NewMessage>> {
    let mut left = MAX_GREETINGS.saturating_sub(cast.members().len() - 1);
    let of_one = |(member, sheet): (&CastMember, &Arc<Sheet>)| {
        let mut own = match cast.is_group() {
            true => sheet.card.group_greetings(),
            false => sheet.card.greetings(),
        };
        own.truncate(left.max(1));
        left = left.saturating_sub(own.len());
        greetings(own, member, now)
    };
    let all = cast.members().iter().zip(sheets).map(of_one);
    all.filter(|of_one| !of_one.is_empty()).collect()
}

fn greetings(own: Vec<Cow<'_, str>>, member: &CastMember, now: Timestamp) -> Vec<NewMessage> {
    let message = |greeting: Cow<'_, str>| NewMessage {
        id: MessageId::new(),
        author: Author::Character,
        by: None,
        character_id: Some(member.character_id),
        kind: MessageKind::Dialogue,
        speaker_name: member.name.clone(),
        text: greeting.into_owned(),
        generation_id: None,
        create_time: now,
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

async fn store(
    telling: Telling<'_>,
    session: &Session,
    greetings: &[Vec<NewMessage>],
) -> Result<Option<Message>, Error> {
    let tx = telling.tx;
    sessions::insert(tx, session).await?;
    participants::put(tx, session.id, &session.me, session.create_time).await?;
    branches::insert(tx, session.branch.clone()).await?;
    telling.session_created(session.create_time)?;
    telling.greeted(&messages::insert_greetings(tx, session.id, greetings))?;
    match greetings.first().and_then(|first| first.first()) {
        Some(first) => Ok(messages::find_whole(tx, session.id, first.id).await?),
        None => Ok(None),
    }
}
