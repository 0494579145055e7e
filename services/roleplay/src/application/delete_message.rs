//! Deletes messages, with all that follows them or alone.

use mesh::Ctx;
use platform::Timestamp;
use sea_orm::ConnectionTrait;
use storage::database::Transaction;

use super::access::enter;
use super::chats::check_not_generating;
use super::error::check_etag_of;
use super::greetings::shown_etag;
use super::live::Live;
use super::{Chats, Error};
use crate::domain::ids::{GenerationId, MessageId, SessionId};
use crate::domain::message::Message;
use crate::domain::participant::{Refusal, Right, Seat, are_own};
use crate::domain::prompt::Kind;
use crate::domain::session::Session;
use crate::infrastructure::queries::generations::{self, Waits};
use crate::infrastructure::queries::{messages, splice, subtree};
use crate::infrastructure::tables::message::Model;

/// Messages of a session to delete.
#[derive(Debug, Clone)]
pub(crate) struct DeleteMessages {
    /// The session.
    pub(crate) session_id: SessionId,
    /// The messages.
    pub(crate) ids: Vec<MessageId>,
    /// What follows them stays.
    pub(crate) keep_following: bool,
    /// The etag that one must still have, unless it is empty. It is for one message.
    pub(crate) etag: String,
}

impl Chats {
    /// Deletes messages, all or none. Branches that end in what is deleted move to the swipe before the message, else the one
    /// after it, else to its parent.
    pub(crate) async fn delete_messages(
        &self,
        ctx: &Ctx,
        request: DeleteMessages,
    ) -> Result<(), Error> {
        let (user, now) = (ctx.user_id()?, self.clock.now());
        let (session, etag) = (request.session_id, &request.etag);
        let words = match request.ids.first() {
            Some(first) => self.words_of_etag(ctx, session, *first, etag).await?,
            None => None,
        };
        let (cause, request, words) = (&ctx.cause(), &request, words.as_ref());
        let deletion = self.db.transaction(|tx| {
            Box::pin(async move {
                let session = enter(tx, user, request.session_id, Right::Write).await?;
                for id in &request.ids {
                    let message = messages::find_whole(tx, session.id, *id).await?;
                    let message = message.ok_or(Error::NotFound("message"))?;
                    check_may_change(&session.me, &message)?;
                    let etag = shown_etag(&session, message, words);
                    check_etag_of("message", &etag, &request.etag)?;
                }
                let waiting = generations::waiting(tx, session.id).await?;
                let deleted = delete_each(tx, &session, request, now).await?;
                let pointless = Pointless::of(&waiting, &deleted);
                for id in &pointless.answers_nothing {
                    generations::request_cancel(tx, *id).await?;
                }
                let telling = self.telling(tx, &session, cause);
                telling.deleted(&deleted)?;
                Ok(pointless)
            })
        });
        let pointless: Result<Pointless, Error> = deletion.await;
        pointless?.end(&self.live);
        Ok(())
    }
}

/// Deletes messages that were found to be there, one after the other, and returns all that is gone.
async fn delete_each(
    tx: &Transaction<'_>,
    session: &Session,
    request: &DeleteMessages,
    now: Timestamp,
) -> Result<Vec<MessageId>, Error> {
    let mut deleted = Vec::new();
    for id in &request.ids {
        // One that isn't there any more went with one before it, or is named twice.
        let Some(message) = messages::find(tx, session.id, *id).await? else {
            continue;
        };
        deleted.extend(match request.keep_following {
            true => delete_alone(tx, &message, now).await?,
            false => delete_with_following(tx, session, &message, now).await?,
        });
    }
    Ok(deleted)
}

/// Replies that wait, and have lost what they wait for.
#[derive(Debug, Clone)]
struct Pointless {
    /// Their own messages are gone, and they with them.
    gone: Vec<GenerationId>,
    /// What they would answer is gone.
    answers_nothing: Vec<GenerationId>,
}

impl Pointless {
    fn of(waiting: &[Waits], deleted: &[MessageId]) -> Self {
        let (gone, left): (Vec<&Waits>, Vec<&Waits>) = waiting
            .iter()
            .partition(|it| deleted.contains(&it.message_id));
        let answered = |it: &Waits| it.parent_id.filter(|_| it.kind == Kind::Reply);
        let left = left.into_iter();
        let answers_nothing =
            left.filter(|it| answered(it).is_some_and(|id| deleted.contains(&id)));
        Self {
            answers_nothing: answers_nothing.map(|it| it.id).collect(),
            gone: gone.into_iter().map(|it| it.id).collect(),
        }
    }

    /// Ends those that wait in this process now; the others learn of it with the next beat.
    fn end(&self, live: &Live) {
        for id in &self.gone {
            live.lose(*id);
        }
        for id in &self.answers_nothing {
            if let Some(watched) = live.find(*id) {
                watched.cancel.cancel();
            }
        }
    }
}

async fn delete_with_following(
    tx: &Transaction<'_>,
    session: &Session,
    message: &Model,
    now: Timestamp,
) -> Result<Vec<MessageId>, Error> {
    let (of, id) = (session.id, message.id);
    if let Some(generation) = session.running_generation_id {
        let writes = messages::written_by(tx, of, generation).await?;
        if let Some(writes) = writes
            && subtree::contains(tx, of, id, writes).await?
        {
            return Err(Error::GenerationRunning(generation));
        }
    }
    let replacement = replacement(tx, message).await?;
    // Replies that wait go with what they would answer.
    let deleted = subtree::list(tx, of, id).await?;
    check_none_of_others(tx, session, &deleted).await?;
    subtree::leave(tx, of, id, replacement, now).await?;
    subtree::delete(tx, of, id).await?;
    messages::close_gap(tx, message).await?;
    Ok(deleted)
}

/// Refuses a player to delete what others said.
async fn check_none_of_others(
    tx: &Transaction<'_>,
    session: &Session,
    deleted: &[MessageId],
) -> Result<(), Error> {
    let me = &session.me;
    if me.role.has(Right::Manage) {
        return Ok(());
    }
    let authors = messages::authors(tx, session.id, deleted).await?;
    match are_own(me, &authors) {
        true => Ok(()),
        false => Err(Refusal::OthersFollow { role: me.role }.into()),
    }
}

/// Refuses what somebody may neither change nor delete.
pub(super) fn check_may_change(me: &Seat, message: &Message) -> Result<(), Error> {
    match me.may_change(message) {
        true => Ok(()),
        false => Err(Refusal::OthersMessage { role: me.role }.into()),
    }
}

async fn delete_alone(
    tx: &Transaction<'_>,
    message: &Model,
    now: Timestamp,
) -> Result<Vec<MessageId>, Error> {
    check_not_generating(message)?;
    let replacement = replacement(tx, message).await?;
    subtree::leave_one(tx, message.session_id, message.id, replacement, now).await?;
    splice::take_out(tx, message).await?;
    messages::delete(tx, message.id).await?;
    Ok(vec![message.id])
}

/// Where branches go that end in a message that goes away.
pub(super) async fn replacement(
    tx: &impl ConnectionTrait,
    gone: &Model,
) -> Result<Option<MessageId>, Error> {
    let swipes = messages::list_siblings(tx, gone.session_id, gone.parent_id).await?;
    let mut others = swipes.iter().filter(|swipe| swipe.id != gone.id);
    let before = others
        .clone()
        .rfind(|swipe| swipe.swipe_index < gone.swipe_index);
    let swipe = before.or_else(|| others.next());
    let head = swipe.map(|swipe| swipe.last_head_id.unwrap_or(swipe.id));
    Ok(head.or(gone.parent_id))
}
