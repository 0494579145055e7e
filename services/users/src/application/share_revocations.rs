//! Telling the other processes that share the store what is revoked: verifiers may follow any of them.

use std::sync::Arc;
use std::time::Duration;

use platform::Timestamp;
use sea_orm::DbErr;
use storage::Database;
use storage::database::Transaction;
use tokio::time::{Instant, MissedTickBehavior};

use super::{Accounts, Error};
use crate::domain::sequence::Place;
use crate::infrastructure::access_feed::Revocation;
use crate::infrastructure::queries::revocations;

/// Time between looks at what others revoked.
const POLL: Duration = Duration::from_millis(400);
/// Revocations that are read at once.
const PORTION: usize = 1_000;
/// How long revocations are kept beyond the time that access tokens are good for, and how often the old ones are deleted.
const KEPT: Duration = Duration::from_hours(1);
const CLEANING: Duration = Duration::from_mins(10);

impl Accounts {
    /// Writes down for others what a transaction revokes.
    pub(super) async fn share_revocations(
        &self,
        tx: &Transaction<'_>,
        revocations: &[Revocation],
        now: Timestamp,
    ) -> Result<(), DbErr> {
        match self.db.is_shared() && !revocations.is_empty() {
            true => revocations::insert(tx, revocations, now).await,
            false => Ok(()),
        }
    }

    /// Announces from now on what other processes revoke, until shutdown. Does nothing where there can be none.
    pub(crate) async fn follow_revocations(self: &Arc<Self>) -> Result<(), Error> {
        if !self.db.is_shared() {
            return Ok(());
        }
        // A revocation must not wait behind logins.
        let db = self.db.beside();
        let place = Place::after(revocations::highest(db.read()).await?);
        let following = self.clone().announce_shared(db, place);
        let stop = self.tasks.token().clone();
        self.tasks.spawn(stop.run_until_cancelled_owned(following));
        Ok(())
    }

    async fn announce_shared(self: Arc<Self>, db: Database, mut place: Place) {
        let mut polls = tokio::time::interval(POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (begin, mut cleaned, mut is_well) = (Instant::now(), None::<Instant>, true);
        loop {
            polls.tick().await;
            let read = self.announce_new(&db, &mut place, begin).await;
            if let Err(error) = &read
                && is_well
            {
                tracing::warn!(%error, "what other processes revoke can't be seen");
                // Another process may see it, and verifiers begin anew with everything.
                self.feed.let_go();
            }
            is_well = read.is_ok();
            if is_well && cleaned.is_none_or(|time| time.elapsed() >= CLEANING) {
                cleaned = Some(Instant::now());
                self.forget_revocations(&db).await;
            }
        }
    }

    async fn announce_new(
        &self,
        db: &Database,
        place: &mut Place,
        begin: Instant,
    ) -> Result<(), DbErr> {
        loop {
            let (beyond, missing) = (place.highest, place.missing());
            let new = revocations::list(db.read(), beyond, missing, PORTION as u64).await?;
            place.read(begin.elapsed(), new.iter().map(|(seq, _)| *seq));
            for (_, revocation) in &new {
                self.feed.announce(*revocation);
            }
            if new.len() < PORTION {
                return Ok(());
            }
        }
    }

    async fn forget_revocations(&self, db: &Database) {
        let before = self.now() - self.lifetimes.access_token - KEPT;
        let forget = db
            .transaction(|tx| Box::pin(async move { revocations::forget(tx, before).await }))
            .await;
        if let Err(error) = forget {
            tracing::warn!(%error, "old revocations can't be deleted yet");
        }
    }
}
