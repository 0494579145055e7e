//! Gives people other roles, hands sessions over, and says whom the caller plays.

use mesh::Ctx;
use platform::Timestamp;
use storage::database::Transaction;

use super::access::enter;
use super::leave_session::bar;
use super::participants::find_participant;
use super::tell::Telling;
use super::update_session::play;
use super::{Chats, Error};
use crate::domain::ids::{ParticipantId, PersonaId, SessionId};
use crate::domain::participant::{Participant, ParticipantRole, Refusal, Right, Seat};
use crate::domain::session::Session;
use crate::infrastructure::queries::{participants, sessions};

/// The fields to change; none leaves a field as it is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ParticipantPatch {
    /// What they are.
    pub(crate) role: Option<ParticipantRole>,
    /// Whom they play; `Some(None)` for themselves.
    pub(crate) persona_id: Option<Option<PersonaId>>,
}

impl Chats {
    /// Changes somebody's part in a session. Roles are for the owner to give, who hands the session over by making another one its
    /// owner, and is a player then. Whom somebody plays is for them to say.
    pub(crate) async fn update_participant(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: ParticipantId,
        patch: ParticipantPatch,
    ) -> Result<Participant, Error> {
        let (user, now, cause) = (ctx.user_id()?, self.clock.now(), &ctx.cause());
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let mut session = enter(tx, user, session, Right::Watch).await?;
                    let seat = find_participant(tx, &session, id).await?.seat;
                    if let Some(persona) = patch.persona_id {
                        if seat.id != session.me.id {
                            let role = session.me.role;
                            return Err(Refusal::OthersPersona { role }.into());
                        }
                        play(tx, &mut session, persona, now).await?;
                    }
                    if let Some(role) = patch.role.filter(|role| *role != seat.role) {
                        session.me.check(Right::Manage)?;
                        let telling = self.telling(tx, &session, cause);
                        give_role(&telling, &session, seat, role, now).await?;
                    }
                    let session = enter(tx, user, session.id, Right::Watch).await?;
                    find_participant(tx, &session, id).await
                })
            })
            .await
    }
}

async fn give_role(
    telling: &Telling<'_>,
    session: &Session,
    seat: Seat,
    role: ParticipantRole,
    now: Timestamp,
) -> Result<(), Error> {
    let tx: &Transaction<'_> = telling.tx;
    if seat.id == session.me.id {
        let description = "is the owner's own: make somebody else the owner first";
        let field = "participant.role";
        return Err(Error::Invalid { field, description });
    }
    if role == ParticipantRole::Owner {
        return hand_over(telling, session, seat, now).await;
    }
    if role == ParticipantRole::Spectator {
        bar(tx, session, &seat).await?;
    }
    let seat = Seat { role, ..seat };
    participants::put(tx, session.id, &seat, now).await?;
    Ok(telling.participant_changed(&seat)?)
}

/// Makes somebody the owner of a session; who owns it becomes a player.
pub(super) async fn hand_over(
    telling: &Telling<'_>,
    session: &Session,
    to: Seat,
    now: Timestamp,
) -> Result<(), Error> {
    let tx = telling.tx;
    let before = Seat {
        role: ParticipantRole::Player,
        ..session.me.clone()
    };
    let owner = Seat {
        role: ParticipantRole::Owner,
        ..to
    };
    participants::put(tx, session.id, &before, now).await?;
    participants::put(tx, session.id, &owner, now).await?;
    sessions::set_owner(tx, session.id, owner.user_id, now).await?;
    telling.participant_changed(&before)?;
    Ok(telling.participant_changed(&owner)?)
}
