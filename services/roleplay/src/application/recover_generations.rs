//! Ends generations: at the end of their jobs, and those whose jobs died with their process.

use std::time::Duration;

use platform::Timestamp;
use platform::trace::Cause;
use storage::database::Transaction;

use super::discard::{Unwritten, discard};
use super::next_reply::{NextReply, store_next};
use super::{Chats, Error};
use crate::domain::generation::{Ending, State};
use crate::domain::ids::{GenerationId, MessageId};
use crate::infrastructure::queries::{generations, history, holders, messages};

/// What a generation wrote, and how it ended.
pub(super) struct Outcome<'a> {
    pub(super) id: GenerationId,
    pub(super) message_id: MessageId,
    /// What the message held before.
    pub(super) base: &'a str,
    pub(super) text: &'a str,
    /// Where the branch ends if nothing is written, as far as this process knows.
    pub(super) left: Option<MessageId>,
    pub(super) ending: &'a Ending,
    /// How long its first text took, where this process saw that.
    pub(super) first_token: Option<Duration>,
    /// What follows it by itself.
    pub(super) next: Option<&'a NextReply>,
}

impl Chats {
    /// Ends a generation that has no job in any process; the text that was stored is kept. One that has a job, or has
    /// ended, stays as it is.
    pub(super) async fn end_lost(&self, id: GenerationId) -> Result<(), Error> {
        if self.live.find(id).is_some() {
            return Ok(());
        }
        let (now, cause) = (self.clock.now(), &Cause::new());
        let end = self
            .db
            .transaction(|tx| Box::pin(async move { self.end_lost_in(tx, id, cause, now).await }));
        if end.await? {
            tracing::warn!(generation.id = %id, "a generation was interrupted");
        }
        Ok(())
    }

    async fn end_lost_in(
        &self,
        tx: &Transaction<'_>,
        id: GenerationId,
        cause: &Cause,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Some(running) = generations::find_open(tx, id).await? else {
            return Ok(false);
        };
        let others = running.holder_id.filter(|holder| *holder != self.hold.id());
        if let Some(holder) = others
            && holders::exists(tx, holder).await?
        {
            return Ok(false);
        }
        let message = messages::find(tx, running.session_id, running.message_id).await?;
        let message = message.ok_or(Error::NotFound("message"))?;
        // In the transaction: until here the job may have gone on.
        let text = generations::written(tx, id).await?;
        let ending = Ending::by(match running.cancel_requested {
            true => State::Cancelled,
            false => State::Interrupted,
        });
        let outcome = Outcome {
            id,
            message_id: message.id,
            base: &message.text,
            text: &text,
            left: None,
            ending: &ending,
            first_token: None,
            next: None,
        };
        Ok(self.end_in(tx, &outcome, cause, now).await? != Ended::Before)
    }

    /// Stores the end of a generation, once, and what it made of its message. True if what was to follow it is stored too.
    pub(super) async fn end_generation(
        &self,
        outcome: Outcome<'_>,
        cause: &Cause,
    ) -> Result<bool, Error> {
        let (now, outcome) = (self.clock.now(), &outcome);
        let end = self
            .db
            .transaction(|tx| Box::pin(async move { self.end_in(tx, outcome, cause, now).await }));
        let ended = end.await?;
        match outcome.next {
            // The answer to a commit may get lost, and only this process lets it run.
            Some(next) if ended == Ended::Before => {
                let open = generations::find_open(self.db.read(), next.id()).await?;
                Ok(open.is_some())
            }
            _ => Ok(ended == Ended::Followed),
        }
    }

    async fn end_in(
        &self,
        tx: &Transaction<'_>,
        outcome: &Outcome<'_>,
        cause: &Cause,
        now: Timestamp,
    ) -> Result<Ended, Error> {
        let Outcome {
            id,
            message_id,
            base,
            text,
            left,
            ending,
            first_token,
            next,
        } = *outcome;
        if !generations::end(tx, id, text, ending, now).await? {
            return Ok(Ended::Before);
        }
        let row = history::generation(tx, id).await?;
        let whole = [base, text].concat();
        match &row {
            Some(row) if whole.trim().is_empty() => {
                let unwritten = Unwritten {
                    session: row.session_id,
                    id: message_id,
                    left,
                };
                discard(tx, unwritten, ending.state, now).await?;
            }
            _ => messages::set_generated(tx, message_id, whole, ending.state).await?,
        }
        if let Some(row) = row {
            let telling = self.telling(tx, &row, cause);
            telling.generation_ended(&row, first_token)?;
        }
        match next {
            Some(next) if store_next(tx, id, next).await? => Ok(Ended::Followed),
            _ => Ok(Ended::Now),
        }
    }
}

/// What the end of a generation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It had ended before.
    Before,
    /// It has ended.
    Now,
    /// It has ended, and what follows it is stored.
    Followed,
}
