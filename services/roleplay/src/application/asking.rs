//! What is asked to be generated: where its text goes, whether it may begin now or waits for its turn.

use mesh::Ctx;
use sea_orm::ConnectionTrait;
use service::RequestKey;

use super::compile_prompt::{CompiledPrompt, Gathered, Wanted};
use super::words::{Words, something_said};
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, GenerationId, MessageId, SessionId, UserId};
use crate::domain::participant::Right;
use crate::domain::prompt::Kind;
use crate::domain::session::Session;
use crate::domain::turn::{self, Round};
use crate::infrastructure::models::Model;
use crate::infrastructure::queries::messages::NewMessage;
use crate::infrastructure::queries::sessions::Load;
use crate::infrastructure::queries::{generations, sessions};

/// Where the generated text goes.
#[derive(Clone)]
pub(super) enum Target {
    /// A reply to a message of the person, which is stored too.
    Answer {
        /// The message that the person's follows.
        parent: Parent,
        /// The person's message.
        said: NewMessage,
        /// Who answers.
        speaker: Speaker,
    },
    /// A new message after one that is there.
    Swipe {
        /// The message before it.
        parent: Parent,
        /// Whose it is.
        speaker: Speaker,
    },
    /// The end of a message that is there.
    End(MessageId),
}

/// Whose message a model writes.
#[derive(Clone)]
pub(super) enum Speaker {
    /// A character of the session, which has this name.
    Character(CharacterId, String),
    /// The person, who has this name.
    Person(String),
}

/// After which message another is stored.
#[derive(Clone, Copy)]
pub(super) enum Parent {
    /// After this one, or as a first one.
    At(Option<MessageId>),
    /// After the last of the branch, which this was when it was last seen: others may say something meanwhile.
    Head(Option<MessageId>),
}

impl Parent {
    /// The one that a request names, or else the last of the branch.
    pub(super) fn asked(named: Option<MessageId>, session: &Session) -> Self {
        match named {
            Some(id) => Self::At(Some(id)),
            None => Self::Head(session.branch.head),
        }
    }

    /// Which one it is in a session as it is now.
    pub(super) fn now(self, session: &Session) -> Option<MessageId> {
        match self {
            Self::At(id) => id,
            Self::Head(_) => session.branch.head,
        }
    }

    fn is_as_seen(self, session: &Session) -> bool {
        match self {
            Self::At(_) => true,
            Self::Head(seen) => seen == session.branch.head,
        }
    }
}

/// What a request to generate finds.
pub(super) enum Opening {
    /// A session in which it may.
    Session {
        /// The session.
        session: Box<Session>,
        /// Whether something is generated, or waits for that: what is asked for then waits too.
        waits: bool,
    },
    /// The generation that an earlier request of the same id began.
    Earlier(GenerationId),
}

/// A generation to start.
pub(super) struct Start {
    pub(super) session: Session,
    pub(super) kind: Kind,
    /// What tells a repeat of the request, where it has an id.
    pub(super) key: Option<RequestKey>,
    pub(super) target: Target,
    pub(super) asked: Asked,
    /// Whether it may wait for its turn. Another text for a message that is there, or more of it, may not: that may be another one
    /// by then.
    pub(super) may_wait: bool,
    /// What follows by itself.
    pub(super) round: Round,
}

/// What is to be generated.
pub(super) enum Asked {
    /// What this prompt asks for.
    Now(Box<CompiledPrompt>),
    /// What a prompt will ask for that is made when its turn comes.
    Later {
        /// The model, as it is chosen now.
        model_id: String,
        /// What the person says, with its macros resolved.
        said: Option<String>,
        /// What the person is called.
        player_name: String,
        /// Who is to speak.
        speaker: turn::Speaker,
    },
}

impl Asked {
    /// What the person says.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Now(prompt) => prompt.spoken.said.clone().unwrap_or_default(),
            Self::Later { said, .. } => said.clone().unwrap_or_default(),
        }
    }

    /// Who is to speak, and why.
    pub(super) fn speaker(&self) -> turn::Speaker {
        match self {
            Self::Now(prompt) => prompt.speaker,
            Self::Later { speaker, .. } => *speaker,
        }
    }

    /// What the person is called.
    pub(super) fn player_name(&self) -> &str {
        match self {
            Self::Now(prompt) => &prompt.player_name,
            Self::Later { player_name, .. } => player_name,
        }
    }
}

impl Target {
    /// Whether it is where it was when its prompt was made.
    pub(super) fn is_as_seen(&self, session: &Session) -> bool {
        match self {
            Self::Answer { parent, .. } | Self::Swipe { parent, .. } => parent.is_as_seen(session),
            Self::End(_) => true,
        }
    }
}

impl Chats {
    /// A session of the caller in which a generation may begin, before anything is spent on its prompt. The transaction that
    /// begins it looks again.
    pub(super) async fn opening(
        &self,
        ctx: &Ctx,
        id: SessionId,
        key: Option<&RequestKey>,
        may_wait: bool,
    ) -> Result<Opening, Error> {
        if self.tasks.token().is_cancelled() {
            return Err(Error::Stopping);
        }
        let (db, user) = (self.db.read(), ctx.user_id()?);
        let earlier = find_earlier(db, user, id, key);
        let found = sessions::find_with_load(db, user, id);
        let (found, earlier) = tokio::join!(found, earlier);
        let (access, load) = found?.ok_or(Error::NotFound("session"))?;
        let session = access.grant(Right::Write)?;
        if let Some(earlier) = earlier? {
            return Ok(Opening::Earlier(earlier));
        }
        let waits = is_behind(&session, &load, may_wait)?;
        self.check_few(&load, waits)?;
        Ok(Opening::Session {
            session: Box::new(session),
            waits,
        })
    }

    /// What is to be generated. What waits has no prompt yet, since it doesn't know what it will answer; what can be known now is
    /// refused now.
    pub(super) async fn asked(
        &self,
        ctx: &Ctx,
        session: &Session,
        gathered: Gathered,
        wanted: Wanted<'_>,
        waits: bool,
    ) -> Result<Asked, Error> {
        if !waits {
            let prompt = self.compile(ctx, session, gathered, wanted).await?;
            return Ok(Asked::Now(Box::new(prompt)));
        }
        let Gathered {
            ensemble,
            player,
            model,
            ..
        } = gathered;
        let speaker = wanted.speaker;
        let own = (ensemble, Some(speaker.character_id));
        let words = Words::of(session, own, player, None);
        if !words.has_character() {
            return Err(Error::CharacterDeleted);
        }
        check_available(&model)?;
        let macros = words.macros(self.moment(), rand::random());
        let said = wanted.said.map(|text| something_said(text, &macros));
        Ok(Asked::Later {
            model_id: model.id,
            said: said.transpose()?,
            player_name: words.player.name.clone(),
            speaker,
        })
    }

    /// Refuses one more generation where as many run or wait as may. What was counted in a transaction holds at its commit too:
    /// transactions are serialisable.
    pub(super) fn check_few(&self, load: &Load, waits: bool) -> Result<(), Error> {
        let (most, most_waiting) = (self.limits.per_person, self.limits.waiting);
        if load.of_person >= u64::from(most) {
            return Err(Error::TooManyGenerations(most));
        }
        if waits && load.waiting >= u64::from(most_waiting) {
            return Err(Error::TooManyWaiting(most_waiting));
        }
        Ok(())
    }
}

/// Whether something is generated in a session, or waits for that, so that one more has to wait too.
///
/// # Errors
/// It has to, and may not.
pub(super) fn is_behind(session: &Session, load: &Load, may_wait: bool) -> Result<bool, Error> {
    match session.running_generation_id.or(load.next) {
        Some(before) if !may_wait => Err(Error::GenerationRunning(before)),
        before => Ok(before.is_some()),
    }
}

/// Refuses a model that can't be used now.
pub(super) fn check_available(model: &Model) -> Result<(), Error> {
    match &model.unavailable {
        None => Ok(()),
        Some(reason) => Err(Error::ModelUnavailable {
            model_id: model.id.clone(),
            reason: reason.clone(),
        }),
    }
}

/// The generation that the same request began before. Another request under its id is refused: to give it the answer of the
/// first would lose what it says.
pub(super) async fn find_earlier(
    db: &impl ConnectionTrait,
    user: UserId,
    session: SessionId,
    key: Option<&RequestKey>,
) -> Result<Option<GenerationId>, Error> {
    let Some(key) = key else { return Ok(None) };
    match generations::requested(db, user, session, &key.id).await? {
        Some((_, kept)) if !key.is_of(kept.as_deref()) => Err(Error::RequestIdReused),
        found => Ok(found.map(|(id, _)| id)),
    }
}
