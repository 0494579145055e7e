//! The reply that follows another by itself, in which the next character speaks.
//!
//! It is stored with the end of the one before, as one that waits, and then goes the way of those that wait for their turn. What was
//! going to follow is known to this process alone: if that stops, nothing follows.

use platform::trace::Cause;
use storage::database::Transaction;

use super::access::enter;
use super::asking;
use super::begin_message::begun_by;
use super::choose_speakers::chosen;
use super::live::Job;
use super::move_head::move_head;
use super::wait_in_line::Waiting;
use super::{Chats, Error};
use crate::domain::generation::{Ending, State};
use crate::domain::ids::{GenerationId, MessageId, SessionId, UserId};
use crate::domain::participant::Right;
use crate::domain::prompt::Kind;
use crate::domain::session::Session;
use crate::domain::turn::{Round, Speaker};
use crate::infrastructure::queries::generations::NewGeneration;
use crate::infrastructure::queries::{generations, messages, sessions};

/// A reply that ends, and what was to follow it.
pub(super) struct Said<'s> {
    pub(super) session_id: SessionId,
    /// Who asked for it.
    pub(super) user_id: UserId,
    pub(super) message_id: MessageId,
    pub(super) text: &'s str,
    pub(super) model_id: &'s str,
    pub(super) speaker: Speaker,
    pub(super) round: &'s Round,
}

/// A reply that is to follow.
#[derive(Clone)]
pub(super) struct NextReply {
    generation: NewGeneration,
    message_id: MessageId,
    session_id: SessionId,
    user_id: UserId,
    speaker: Speaker,
    /// Who speaks, as their message has it.
    voice: asking::Speaker,
    /// The message that it follows.
    after: MessageId,
    round: Round,
}

impl NextReply {
    /// Its generation.
    pub(super) fn id(&self) -> GenerationId {
        self.generation.id
    }

    /// As one that waits for its turn.
    pub(super) fn waiting(self, job: Job, cause: Cause) -> Waiting {
        Waiting {
            job,
            id: self.generation.id,
            session_id: self.session_id,
            user_id: self.user_id,
            message_id: self.message_id,
            answers: Some(self.after),
            kind: Kind::Reply,
            left: Some(self.after),
            speaker: Some(self.speaker),
            round: self.round,
            cause,
            patient_until: None,
        }
    }
}

impl Chats {
    /// What follows a reply that ends so; nothing where nobody else is to speak, or the platform stops.
    pub(super) async fn next_reply(&self, said: Said<'_>, ending: &Ending) -> Option<NextReply> {
        let is_whole = ending.state == State::Completed && !said.text.trim().is_empty();
        if said.round.is_over() || !is_whole || self.tasks.token().is_cancelled() {
            return None;
        }
        match self.find_next(&said).await {
            Ok(next) => next,
            Err(error) => {
                tracing::debug!(%error, "nobody goes on after a reply");
                None
            }
        }
    }

    async fn find_next(&self, said: &Said<'_>) -> Result<Option<NextReply>, Error> {
        let db = self.db.read();
        let session = enter(db, said.user_id, said.session_id, Right::Write).await?;
        let ensemble = self.ensemble(&session).await?;
        let message = messages::find(db, session.id, said.message_id).await?;
        let before = message.and_then(|message| message.parent_id);
        let recent = self.recent(&session, &ensemble, before).await?;
        let recent = recent.with(said.speaker.character_id, said.text);
        let candidates = ensemble.candidates();
        let may_speak = |id| candidates.iter().any(|it| it.character_id == id);
        let choose = || chosen(&session, &ensemble, &recent, false);
        let Some((speaker, round)) = said.round.clone().next(may_speak, choose) else {
            return Ok(None);
        };
        Ok(Some(NextReply {
            generation: NewGeneration {
                id: GenerationId::new(),
                kind: Kind::Reply,
                key: None,
                model_id: said.model_id.to_owned(),
                receipt: None,
                create_time: self.clock.now(),
                holder_id: self.hold.id(),
            },
            message_id: MessageId::new(),
            session_id: session.id,
            user_id: said.user_id,
            speaker,
            voice: ensemble.voice(speaker),
            after: said.message_id,
            round,
        }))
    }
}

/// Stores a reply that follows the one that ends, unless somebody said something meanwhile, or turned to something else.
pub(super) async fn store_next(
    tx: &Transaction<'_>,
    ended: GenerationId,
    next: &NextReply,
) -> Result<bool, Error> {
    let found = sessions::find_with_load(tx, next.user_id, next.session_id).await?;
    let Some((access, load)) = found else {
        return Ok(false);
    };
    let Ok(session) = access.grant(Right::Write) else {
        return Ok(false);
    };
    if session.branch.head != Some(next.after) || load.next.is_some() {
        return Ok(false);
    }
    insert(tx, &session, next).await?;
    generations::set_next(tx, ended, next.id()).await?;
    Ok(true)
}

async fn insert(tx: &Transaction<'_>, session: &Session, next: &NextReply) -> Result<(), Error> {
    let now = next.generation.create_time;
    let before = messages::find(tx, session.id, next.after).await?;
    let mut reply = begun_by(session, &next.generation, next.voice.clone());
    reply.id = next.message_id;
    let reply = messages::insert(tx, session.id, before.as_ref(), reply).await?;
    let after = Some(next.after);
    move_head(tx, session.id, &session.branch, reply.id, after, now).await?;
    tx.put_off(sessions::touch(session.id, now));
    generations::insert(tx, session, reply.id, next.generation.clone(), Some(1));
    Ok(())
}
