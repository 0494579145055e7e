//! Ending a login session: by its owner from itself (logout) or from another one.

use mesh::{Ctx, Person};
use platform::id::LoginSessionId;

use super::{Accounts, Error};
use crate::domain::audit::AuditAction;
use crate::infrastructure::access_feed::Revocation;
use crate::infrastructure::queries::{audit_events, login_sessions};

impl Accounts {
    /// Ends a login session of the person's own. One that has ended already stays as it is.
    pub(crate) async fn end_login_session(
        &self,
        ctx: &Ctx,
        person: &Person,
        id: LoginSessionId,
    ) -> Result<(), Error> {
        let action = match id == person.login_session_id {
            true => AuditAction::LoggedOut,
            false => AuditAction::LoginSessionRevoked,
        };
        let (user_id, now) = (person.user_id, self.now());
        let revocation = Revocation::LoginSession(id);
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    login_sessions::find_owned(tx, user_id, id)
                        .await?
                        .ok_or(Error::LoginSessionNotFound(id))?;
                    if login_sessions::end(tx, id, now).await? {
                        self.share_revocations(tx, &[revocation], now).await?;
                        audit_events::record(tx, ctx, now, action, user_id, Some(id)).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.feed.announce(revocation);
        Ok(())
    }
}
