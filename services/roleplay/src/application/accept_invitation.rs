//! Accepts invitations.

use mesh::Ctx;
use platform::Timestamp;
use sea_orm::ConnectionTrait;
use storage::database::Transaction;

use super::access::enter;
use super::participants::find_participant;
use super::update_session::play;
use super::{Chats, Error};
use crate::domain::ids::{InvitationId, PersonaId, UserId};
use crate::domain::invitation::{Invitation, token_hash};
use crate::domain::participant::{MAX_PARTICIPANTS, Participant, Right, Seat};
use crate::domain::session::Session;
use crate::infrastructure::queries::{invitations, participants};

/// What somebody accepts.
#[derive(Debug, Clone)]
pub(crate) struct Acceptance {
    /// The invitation of the link that has this token, or else of the caller.
    pub(crate) token: Option<String>,
    /// The invitation of the caller.
    pub(crate) invitation_id: Option<InvitationId>,
    /// Whom they play; none for themselves.
    pub(crate) persona_id: Option<PersonaId>,
}

/// What an invitation is to.
pub(crate) struct Preview {
    pub(crate) invitation: Invitation,
    /// Who made it, if they still take part.
    pub(crate) inviter: Option<Participant>,
}

impl Chats {
    /// What an invitation is to that the caller could accept.
    pub(crate) async fn preview_invitation(
        &self,
        ctx: &Ctx,
        acceptance: &Acceptance,
    ) -> Result<Preview, Error> {
        let (db, user, now) = (self.db.read(), ctx.user_id()?, self.clock.now());
        let invitation = find(db, user, acceptance).await?;
        let known = participants::find_ever(db, invitation.session_id, user).await?;
        let takes_part = known.as_ref().is_some_and(|it| it.end_time.is_none());
        if !takes_part {
            check(&invitation, known.as_ref(), now)?;
        }
        let (session, inviter) = (invitation.session_id, invitation.inviter_id);
        let inviter = participants::find(db, session, inviter).await?;
        Ok(Preview {
            invitation,
            inviter,
        })
    }

    /// Lets the caller take part in a session. Who takes part already stays what they are, and no use is counted.
    pub(crate) async fn accept_invitation(
        &self,
        ctx: &Ctx,
        acceptance: Acceptance,
    ) -> Result<(Session, Participant), Error> {
        let (user, now, cause) = (ctx.user_id()?, self.clock.now(), &ctx.cause());
        let seat = Seat {
            persona_id: acceptance.persona_id,
            ..Seat::of_newcomer(user)
        };
        let (seat, _) = self.seated(ctx, seat).await?;
        let (seat, acceptance) = (&seat, &acceptance);
        let accept = self.db.transaction(|tx| {
            Box::pin(async move {
                let invitation = find(tx, user, acceptance).await?;
                let known = participants::find_ever(tx, invitation.session_id, user).await?;
                let takes_part = enter(tx, user, invitation.session_id, Right::Watch).await;
                match takes_part {
                    Ok(mut session) => {
                        if acceptance.persona_id.is_some() {
                            play(tx, &mut session, acceptance.persona_id, now).await?;
                        }
                    }
                    Err(Error::NotFound(_)) => {
                        let seat = Seat {
                            id: known.as_ref().map_or(seat.id, |known| known.seat.id),
                            role: invitation.role,
                            ..seat.clone()
                        };
                        check(&invitation, known.as_ref(), now)?;
                        join(tx, &invitation, &seat, now).await?;
                        let session = enter(tx, user, invitation.session_id, Right::Watch).await?;
                        self.telling(tx, &session, cause)
                            .participant_joined(&seat)?;
                    }
                    Err(error) => return Err(error),
                }
                let session = enter(tx, user, invitation.session_id, Right::Watch).await?;
                let participant = find_participant(tx, &session, session.me.id).await?;
                Ok((session, participant))
            })
        });
        accept.await
    }
}

/// The invitation that somebody names. Why there is none isn't told: who guesses learns nothing.
async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    acceptance: &Acceptance,
) -> Result<Invitation, Error> {
    let found = match (&acceptance.token, acceptance.invitation_id) {
        (Some(token), _) => invitations::find_by_token(db, token_hash(token)).await?,
        (None, Some(id)) => invitations::find_of_person(db, user, id).await?,
        (None, None) => None,
    };
    found.ok_or(Error::InvitationInvalid)
}

fn check(
    invitation: &Invitation,
    known: Option<&Participant>,
    now: Timestamp,
) -> Result<(), Error> {
    let is_barred = known.is_some_and(|known| known.is_barred(invitation.id));
    match invitation.holds(now) && !is_barred {
        true => Ok(()),
        false => Err(Error::InvitationInvalid),
    }
}

async fn join(
    tx: &Transaction<'_>,
    invitation: &Invitation,
    seat: &Seat,
    now: Timestamp,
) -> Result<(), Error> {
    let session = invitation.session_id;
    if participants::count(tx, session).await? >= MAX_PARTICIPANTS {
        return Err(Error::SessionFull(MAX_PARTICIPANTS));
    }
    if !invitations::use_once(tx, invitation.id).await? {
        return Err(Error::InvitationInvalid);
    }
    Ok(participants::put(tx, session, seat, now).await?)
}
