//! Deleting login sessions with their refresh tokens some time after their end, in small portions, so that nobody waits long
//! for the database. A refresh token that is gone is refused as one that was never given out.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use storage::Database;

use super::Accounts;
use crate::infrastructure::queries::{known_networks, login_sessions, refresh_tokens};

/// How long a session stays after its end: longer than its access tokens may be in time, or a stream that was opened with one
/// may last, so that a verifier that begins anew still learns that it ended.
pub(super) const KEPT: Duration = Duration::from_hours(48);
/// How long a network is told from those of strangers after the last login from there.
const NETWORK_KEPT: Duration = Duration::from_hours(365 * 24);
const INTERVAL: Duration = Duration::from_mins(10);
/// Sessions and refresh tokens that are deleted at once, and the pause after that.
const SESSIONS: u64 = 100;
const TOKENS: u64 = 500;
const BREATH: Duration = Duration::from_millis(50);

impl Accounts {
    /// Deletes what is old until shutdown. Several processes may do so on one database.
    pub(crate) fn forget_sessions(self: &Arc<Self>) {
        let (this, stop) = (self.clone(), self.tasks.token().clone());
        let forgetting = async move {
            // What a power cut brings back is deleted again.
            let db = this.db.unsynced();
            loop {
                let next = this.now() + INTERVAL;
                if let Err(error) = this.forget_old(&db).await {
                    tracing::warn!(%error, "old login sessions can't be deleted yet");
                }
                this.clock.reached(next).await;
            }
        };
        self.tasks.spawn(stop.run_until_cancelled_owned(forgetting));
    }

    async fn forget_old(&self, db: &Database) -> Result<(), DbErr> {
        while self.forget_portion(db).await? {
            tokio::time::sleep(BREATH).await;
        }
        let before = self.now() - NETWORK_KEPT;
        let forget =
            db.transaction(|tx| Box::pin(async move { known_networks::forget(tx, before).await }));
        forget.await
    }

    /// Deletes a portion. False once there is none left.
    async fn forget_portion(&self, db: &Database) -> Result<bool, DbErr> {
        let before = self.now() - KEPT;
        let forget = db.transaction(|tx| {
            Box::pin(async move {
                let gone = login_sessions::list_gone(tx, before, SESSIONS).await?;
                if refresh_tokens::delete_of(tx, &gone, TOKENS).await? < TOKENS {
                    login_sessions::delete(tx, &gone).await?;
                }
                Ok(!gone.is_empty())
            })
        });
        forget.await
    }
}
