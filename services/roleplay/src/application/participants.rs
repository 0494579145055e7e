//! Who takes part in sessions, read.

use mesh::Ctx;
use sea_orm::ConnectionTrait;

use super::access::enter_as_caller;
use super::{Chats, Error};
use crate::domain::ids::{ParticipantId, SessionId, UserId};
use crate::domain::participant::{Participant, Right, SessionAccess};
use crate::domain::session::Session;
use crate::infrastructure::queries::{participants, sessions};

impl Chats {
    /// At most `limit` of those who take part in a session, behind one, by who first joined.
    pub(crate) async fn list_participants(
        &self,
        ctx: &Ctx,
        session: SessionId,
        after: Option<ParticipantId>,
        limit: usize,
    ) -> Result<Vec<Participant>, Error> {
        let session = enter_as_caller(&self.db, ctx, session, Right::Watch).await?;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let listed = participants::list(self.db.read(), session.id, after, limit).await?;
        match (listed.is_empty(), after) {
            (true, None) => Ok(vec![lone_owner(&session)]),
            _ => Ok(listed),
        }
    }

    /// Somebody who takes part in a session.
    pub(crate) async fn get_participant(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: ParticipantId,
    ) -> Result<Participant, Error> {
        let session = enter_as_caller(&self.db, ctx, session, Right::Watch).await?;
        find_participant(self.db.read(), &session, id).await
    }

    /// What somebody may do in a session that they take part in, for another service.
    pub(crate) async fn session_access(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<SessionAccess, Error> {
        let access = sessions::find(self.db.read(), user, session).await?;
        access.ok_or(Error::NotFound("session"))
    }
}

/// Somebody who takes part in a session.
pub(super) async fn find_participant(
    db: &impl ConnectionTrait,
    session: &Session,
    id: ParticipantId,
) -> Result<Participant, Error> {
    let found = participants::find(db, session.id, id).await?;
    let me = found.is_none() && session.me.id == id;
    let found = found.or_else(|| me.then(|| lone_owner(session)));
    found.ok_or(Error::NotFound("participant"))
}

/// The one who opened a session by a release before 0013, which kept no participants, and looks at it.
fn lone_owner(session: &Session) -> Participant {
    Participant {
        seat: session.me.clone(),
        session_id: session.id,
        persona: None,
        create_time: session.create_time,
        update_time: session.create_time,
        end_time: None,
        barred_until: None,
    }
}
