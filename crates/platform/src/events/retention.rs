//! Deletes what is no longer of use, in small portions, so that nobody waits long for the database.

use std::time::Duration;

use sea_orm::DbErr;

use super::queries;
use crate::{Clock, Database, Tasks};

/// How long events stay in the outbox after they were sent, so that a lost stream can be rebuilt from it.
const SENT: Duration = Duration::from_hours(24);
/// How long the inbox remembers: longer than an event can come again, which is [`SENT`] and then the stream's own week.
const HANDLED: Duration = Duration::from_hours(14 * 24);
const INTERVAL: Duration = Duration::from_mins(10);
/// Rows that are deleted at once, and the pause after that.
const PORTION: u64 = 500;
const BREATH: Duration = Duration::from_millis(50);

/// Deletes what is old in a service's tables until the process stops.
pub(super) async fn run(db: Database, clock: Clock, tasks: Tasks) {
    loop {
        if let Err(error) = clean(&db, &clock).await {
            tracing::warn!(%error, "old events can't be deleted yet");
        }
        tokio::select! {
            () = tasks.stopping() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

/// Deletes all that is old.
pub(super) async fn clean(db: &Database, clock: &Clock) -> Result<(), DbErr> {
    let now = clock.now();
    loop {
        let (sent, handled) = (now - SENT, now - HANDLED);
        let portion = db.transaction(|tx| {
            Box::pin(async move {
                let sent = queries::forget_sent(tx, sent, PORTION).await?;
                let handled = queries::forget_handled(tx, handled, PORTION).await?;
                Ok::<_, DbErr>(sent || handled)
            })
        });
        if !portion.await? {
            return Ok(());
        }
        tokio::time::sleep(BREATH).await;
    }
}
