//! Deletes what is no longer of use, in small portions, so that nobody waits long for the database.
//!
//! In the process a row of the outbox goes once its consumers are through with it; what they noted of it goes soon after. Over
//! JetStream both stay, for a stream can be lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use platform::id::EventId;
use platform::{Clock, Tasks};
use sea_orm::DbErr;
use storage::Database;
use tokio::time::Instant;

use super::queries;
use super::runner::Runner;

/// How long events stay in the outbox after they were sent, so that a lost stream can be rebuilt from it.
const SENT: Duration = Duration::from_hours(24);
/// How long the inbox remembers: longer than an event can come again, which is [`SENT`] and then the stream's own week.
const HANDLED: Duration = Duration::from_hours(14 * 24);
const INTERVAL: Duration = Duration::from_mins(10);
/// Time between looks for what consumers can let go.
const LET_GO_EVERY: Duration = Duration::from_secs(5);
/// Rows that are deleted at once, and the pause after that.
const PORTION: u64 = 500;
const BREATH: Duration = Duration::from_millis(50);
/// Events that are remembered to be let go. Where more come, their notes go with age.
const MOST: usize = 100_000;
/// Another process that shares the database may have stood still with an event in work, and go on with it: for so long a note
/// keeps it from having its effect again.
const STANDSTILL: Duration = Duration::from_mins(10);

/// Events that can't come again, and that a consumer still has notes of.
pub(super) struct LetGo {
    waiting: Mutex<VecDeque<(Instant, EventId)>>,
    delay: Duration,
}

impl LetGo {
    /// Those of a consumer that writes to a database.
    pub(super) fn of(db: &Database) -> Self {
        Self {
            waiting: Mutex::default(),
            delay: match db.is_shared() {
                true => STANDSTILL,
                false => Duration::ZERO,
            },
        }
    }

    pub(super) fn note(&self, events: &[EventId]) {
        let now = Instant::now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST.saturating_sub(waiting.len());
        waiting.extend(events.iter().take(room).map(|event| (now, *event)));
    }

    fn take(&self) -> Vec<EventId> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let ripe = waiting.partition_point(|(since, _)| since.elapsed() >= self.delay);
        let portion = ripe.min(PORTION as usize);
        waiting.drain(..portion).map(|(_, event)| event).collect()
    }
}

/// Deletes what is old in a service's outbox until the process stops.
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

async fn clean(db: &Database, clock: &Clock) -> Result<(), DbErr> {
    let before = clock.now() - SENT;
    loop {
        let portion = db.transaction(|tx| {
            Box::pin(async move { queries::forget_sent(tx, before, PORTION).await })
        });
        if !portion.await? {
            return Ok(());
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// Deletes what a consumer needn't remember, until the process stops.
pub(super) async fn forget(runner: Arc<Runner>) {
    loop {
        if let Err(error) = forget_old(&runner).await {
            tracing::warn!(consumer = runner.consumer.name, %error, "old notes can't be deleted yet");
        }
        for _ in 0..INTERVAL.as_secs() / LET_GO_EVERY.as_secs() {
            let is_over = tokio::select! {
                () = runner.tasks.stopping() => true,
                () = tokio::time::sleep(LET_GO_EVERY) => false,
            };
            if let Err(error) = let_go(&runner).await {
                tracing::warn!(consumer = runner.consumer.name, %error, "notes can't be deleted now");
            }
            if is_over {
                return;
            }
        }
    }
}

async fn forget_old(runner: &Runner) -> Result<(), DbErr> {
    let (name, before) = (runner.consumer.name, runner.clock.now() - HANDLED);
    loop {
        let portion = runner.consumer.db.transaction(|tx| {
            Box::pin(async move { queries::forget_handled(tx, name, before, PORTION).await })
        });
        if !portion.await? {
            return Ok(());
        }
        tokio::time::sleep(BREATH).await;
    }
}

async fn let_go(runner: &Runner) -> Result<(), DbErr> {
    let name = runner.consumer.name;
    loop {
        let events = &runner.let_go.take();
        if events.is_empty() {
            return Ok(());
        }
        let portion = runner
            .consumer
            .db
            .transaction(|tx| Box::pin(async move { queries::let_go(tx, name, events).await }));
        portion.await?;
        tokio::time::sleep(BREATH).await;
    }
}
