//! Leaves sessions, and removes people from them.

use mesh::Ctx;
use platform::Timestamp;
use platform::trace::Cause;
use storage::database::Transaction;

use super::access::enter;
use super::participants::find_participant;
use super::tell::Telling;
use super::update_participant::hand_over;
use super::{Chats, Error};
use crate::domain::ids::{GenerationId, ParticipantId, SessionId, UserId};
use crate::domain::participant::{MAX_PARTICIPANTS, Participant, ParticipantRole, Right, Seat};
use crate::domain::session::Session;
use crate::infrastructure::queries::{invitations, participants, sessions};

/// Sessions that are listed at once.
const AT_ONCE: u64 = 100;

impl Chats {
    /// Ends the caller's part in a session. An owner hands it over first: to whom they name, or else to the player who first joined,
    /// or else to the spectator who did. Where nobody else takes part, the session is deleted.
    pub(crate) async fn leave_session(
        &self,
        ctx: &Ctx,
        id: SessionId,
        successor: Option<ParticipantId>,
    ) -> Result<(), Error> {
        self.leave_as(ctx.user_id()?, id, successor, &ctx.cause())
            .await
    }

    /// Ends a person's part in all sessions, as [`Chats::leave_session`] does in one.
    pub(crate) async fn leave_all_sessions(
        &self,
        user: UserId,
        cause: &Cause,
    ) -> Result<(), Error> {
        loop {
            let filter = sessions::Filter::default();
            let some = sessions::list(self.db.read(), user, filter, AT_ONCE).await?;
            if some.is_empty() {
                return Ok(());
            }
            for session in some {
                match self.leave_as(user, session.id, None, cause).await {
                    // It was deleted, or they were removed, meanwhile.
                    Ok(()) | Err(Error::NotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn leave_as(
        &self,
        user: UserId,
        id: SessionId,
        successor: Option<ParticipantId>,
        cause: &Cause,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let leave = self.db.transaction(|tx| {
            Box::pin(async move {
                let session = enter(tx, user, id, Right::Watch).await?;
                let telling = self.telling(tx, &session, cause);
                leave(&telling, &session, successor, now).await
            })
        });
        let running: Option<GenerationId> = leave.await?;
        self.doors.closed();
        if let Some(watched) = running.and_then(|id| self.live.find(id)) {
            watched.cancel.cancel();
        }
        Ok(())
    }

    /// Removes somebody from a session. No invitation from before brings them back.
    pub(crate) async fn remove_participant(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: ParticipantId,
    ) -> Result<(), Error> {
        let (user, now, cause) = (ctx.user_id()?, self.clock.now(), &ctx.cause());
        let remove = self.db.transaction(|tx| {
            Box::pin(async move {
                let session = enter(tx, user, session, Right::Manage).await?;
                if session.me.id == id {
                    let description = "is your own: leave the session";
                    let field = "participant_id";
                    return Err(Error::Invalid { field, description });
                }
                let seat = find_participant(tx, &session, id).await?.seat;
                participants::end(tx, seat.id, now).await?;
                bar(tx, &session, &seat).await?;
                invitations::forget_person(tx, session.id, seat.user_id).await?;
                let telling = self.telling(tx, &session, cause);
                Ok(telling.participant_left(&seat, true)?)
            })
        });
        remove.await?;
        self.doors.closed();
        Ok(())
    }
}

/// Takes who looks at a session out of it. Returns what runs in it, if it was deleted with them.
async fn leave(
    telling: &Telling<'_>,
    session: &Session,
    successor: Option<ParticipantId>,
    now: Timestamp,
) -> Result<Option<GenerationId>, Error> {
    let (tx, me) = (telling.tx, &session.me);
    if me.role == ParticipantRole::Owner {
        let all = participants::list(tx, session.id, None, MAX_PARTICIPANTS).await?;
        let Some(next) = next_owner(&all, me, successor)? else {
            sessions::delete(tx, me.user_id, session.id).await?;
            telling.session_deleted()?;
            return Ok(session.running_generation_id);
        };
        hand_over(telling, session, next, now).await?;
    } else if successor.is_some() {
        me.check(Right::Manage)?;
    }
    participants::end(tx, me.id, now).await?;
    telling.participant_left(me, false)?;
    Ok(None)
}

/// Sees to it that no invitation from before gives somebody the part again that the owner took from them.
pub(super) async fn bar(tx: &Transaction<'_>, session: &Session, seat: &Seat) -> Result<(), Error> {
    let until = invitations::newest(tx, session.id).await?;
    Ok(participants::bar(tx, seat.id, until).await?)
}

/// Whose a session becomes; none if nobody else takes part.
fn next_owner(
    all: &[Participant],
    me: &Seat,
    named: Option<ParticipantId>,
) -> Result<Option<Seat>, Error> {
    let others = || all.iter().map(|it| &it.seat).filter(|it| it.id != me.id);
    if let Some(named) = named {
        let next = others().find(|seat| seat.id == named).cloned();
        return next.map(Some).ok_or(Error::NotFound("participant"));
    }
    let player = others().find(|seat| seat.role == ParticipantRole::Player);
    Ok(player.or_else(|| others().next()).cloned())
}
