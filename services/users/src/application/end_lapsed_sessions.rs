//! Ending login sessions that nobody renews: once its newest refresh token expires unused, a session is over, and what it has
//! open ends as by a revocation. Nobody looks again and again: the process sleeps until the next one lapses.

use std::sync::Arc;
use std::time::Duration;

use platform::Timestamp;
use storage::Database;

use super::forget_sessions::KEPT;
use super::{Accounts, Error};
use crate::infrastructure::access_feed::Revocation;
use crate::infrastructure::queries::login_sessions;

/// The longest sleep: the clock may be set, and another process may give out refresh tokens for a shorter time.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// Sessions that are ended at once.
const PORTION: u64 = 500;
const RETRY_DELAY: Duration = Duration::from_secs(1);

impl Accounts {
    /// Ends each login session as it lapses, until shutdown. Several processes may do so on one database.
    pub(crate) fn end_lapsed_sessions(self: &Arc<Self>) {
        let stop = self.tasks.token().clone();
        let ending = self.clone().end_as_they_lapse();
        self.tasks.spawn(stop.run_until_cancelled_owned(ending));
    }

    async fn end_as_they_lapse(self: Arc<Self>) {
        // It must not wait behind logins. What a power cut undoes is done again.
        let db = self.db.beside().unsynced();
        let mut is_well = true;
        loop {
            let ended = self.end_lapsed(&db).await;
            if let Err(error) = &ended
                && is_well
            {
                tracing::warn!(%error, "login sessions that lapsed can't be ended yet");
            }
            is_well = ended.is_ok();
            match ended {
                Ok(next) => self.clock.reached(next).await,
                Err(_) => tokio::time::sleep(RETRY_DELAY).await,
            }
        }
    }

    /// Ends what has lapsed, and says when to look again.
    async fn end_lapsed(&self, db: &Database) -> Result<Timestamp, Error> {
        loop {
            // Before the look: a session that begins after it lasts as long as its first refresh token.
            let now = self.now();
            let latest = now + LONGEST_SLEEP.min(self.lifetimes.refresh_token);
            match login_sessions::next_lapse(db.read(), now - KEPT).await? {
                Some(lapse) if lapse <= now => self.end_portion(db).await?,
                Some(lapse) => return Ok(lapse.min(latest)),
                None => return Ok(latest),
            }
        }
    }

    async fn end_portion(&self, db: &Database) -> Result<(), Error> {
        let ended = db.transaction(|tx| {
            Box::pin(async move {
                let now = self.now();
                // Who lapsed before that has nothing open.
                let after = now - KEPT;
                let ended = login_sessions::end_lapsed(tx, after, now, PORTION).await?;
                let ended: Vec<_> = ended.into_iter().map(Revocation::LoginSession).collect();
                self.share_revocations(tx, &ended, now).await?;
                Ok::<_, Error>(ended)
            })
        });
        for revocation in ended.await? {
            self.feed.announce(revocation);
        }
        Ok(())
    }
}
