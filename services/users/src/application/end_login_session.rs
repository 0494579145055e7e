//! Ending a login session: by its owner from itself (logout) or from another one.

use mesh::{Ctx, Person};
use platform::id::LoginSessionId;

use super::{Accounts, Error};
use crate::domain::audit::AuditAction;
use crate::infrastructure::access_feed::Revocation;
use crate::infrastructure::queries::{audit_events, login_sessions};

impl Accounts {
    /// Ends a login session of the person's own, which must be open.
    pub(crate) async fn revoke_login_session(
        &self,
        ctx: &Ctx,
        person: &Person,
        id: LoginSessionId,
    ) -> Result<(), Error> {
        match self.end_login_session(ctx, person, id).await? {
            true => Ok(()),
            false => Err(Error::LoginSessionNotFound(id)),
        }
    }

    /// Ends a login session of the person's own. False if it had ended before.
    pub(crate) async fn end_login_session(
        &self,
        ctx: &Ctx,
        person: &Person,
        id: LoginSessionId,
    ) -> Result<bool, Error> {
        let action = match id == person.login_session_id {
            true => AuditAction::LoggedOut,
            false => AuditAction::LoginSessionRevoked,
        };
        let (user_id, now) = (person.user_id, self.now());
        let revocation = Revocation::LoginSession(id);
        let was_open = self
            .db
            .transaction(|tx| {
                Box::pin(async move {
                    login_sessions::find_owned(tx, user_id, id)
                        .await?
                        .ok_or(Error::LoginSessionNotFound(id))?;
                    let was_open = login_sessions::end(tx, id, now).await?;
                    if was_open {
                        self.share_revocations(tx, &[revocation], now).await?;
                        audit_events::record(tx, ctx, now, action, user_id, Some(id)).await?;
                    }
                    Ok::<_, Error>(was_open)
                })
            })
            .await?;
        self.feed.announce(revocation);
        Ok(was_open)
    }
}
