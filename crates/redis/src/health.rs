//! Whether Redis is in use. Callers whose calls fail take it out of use; a watch that writes a key every second puts it
//! back, so that no caller pays for finding out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fred::error::Error;
use fred::interfaces::{ClientLike, EventInterface, KeysInterface};
use fred::types::Expiration;
use platform::Tasks;
use tokio::sync::broadcast::Receiver;
use tokio::sync::watch;

use super::{Shared, is_refusal, within};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For the first connection, before it is said to be missing.
const FIRST_CONNECTION: Duration = Duration::from_secs(1);
/// One slow answer may be a hiccup; so many in a row are an outage.
const FAILURES: u32 = 3;
const PROBE_EXPIRES_SECS: i64 = 60;

/// Whether Redis is in use.
#[derive(Debug, Default)]
pub(super) struct Health {
    is_up: watch::Sender<bool>,
    failures_in_a_row: AtomicU32,
}

impl Health {
    pub(super) fn is_up(&self) -> bool {
        *self.is_up.borrow()
    }

    pub(super) async fn until(&self, up: bool) {
        // The sender is `self`, so that the wait can't end without it.
        let _ = self.is_up.subscribe().wait_for(|is_up| *is_up == up).await;
    }

    /// Counts how a caller's command went.
    pub(super) fn note<T>(&self, answer: &Result<T, Error>) {
        if answer.is_ok() {
            // Mostly zero already: reading doesn't take the cache line from other cores.
            if self.failures_in_a_row.load(Ordering::Relaxed) > 0 {
                self.failures_in_a_row.store(0, Ordering::Relaxed);
            }
        } else if self.failures_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES {
            self.set(false);
        }
    }

    fn set(&self, up: bool) {
        self.failures_in_a_row.store(0, Ordering::Relaxed);
        self.is_up
            .send_if_modified(|is_up| std::mem::replace(is_up, up) != up);
    }
}

/// Keeps the connections up and looks at them until shutdown.
pub(super) fn keep_watch(shared: &Arc<Shared>, tasks: &Tasks) {
    let (shared, stopping) = (shared.clone(), tasks.token().clone());
    let watch = async move {
        let watching = Watch::new(shared).run();
        stopping.run_until_cancelled(watching).await;
    };
    drop(tasks.spawn(watch));
}

struct Watch {
    shared: Arc<Shared>,
    /// What went wrong with one of the connections.
    errors: Receiver<(Error, Option<fred::types::config::Server>)>,
    /// What was logged last; nothing at first.
    told: Option<State>,
}

/// What is worth a line in the log when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InUse,
    Away,
    Refusing,
}

impl Watch {
    fn new(shared: Arc<Shared>) -> Self {
        let errors = shared.pool.next().error_rx();
        let told = None;
        Self {
            shared,
            errors,
            told,
        }
    }

    async fn run(mut self) {
        let mut connecting = self.shared.pool.connect();
        let first = self.shared.pool.wait_for_connect();
        let _says_the_look = tokio::time::timeout(FIRST_CONNECTION, first).await;
        let mut time = tokio::time::interval(LOOK_EVERY);
        time.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            time.tick().await;
            if connecting.is_finished() {
                // Attempts to connect end only over what fred takes for a fault of the configuration.
                connecting = self.shared.pool.connect();
            }
            let answer = self.look().await;
            self.shared.health.set(answer.is_ok());
            self.tell(answer.err());
        }
    }

    /// A write, because a server that is full or a replica answers everything else.
    async fn look(&self) -> Result<(), Error> {
        let key = format!("{}:probe", self.shared.prefix);
        let expires = Some(Expiration::EX(PROBE_EXPIRES_SECS));
        let connection = self.shared.connection(LOOK_EVERY);
        within(LOOK_EVERY, connection.set(key, 1, expires, None, false)).await
    }

    /// Logs changes, and no more than those.
    fn tell(&mut self, failure: Option<Error>) {
        let is_up = failure.is_none();
        let mut cause = failure;
        while let Ok((error, _)) = self.errors.try_recv() {
            // What happened to the connection says more than that a command was cancelled.
            cause = cause.map(|_| error);
        }
        let state = match &cause {
            _ if is_up => State::InUse,
            Some(error) if is_refusal(error) => State::Refusing,
            // Between two attempts to log in nothing new is known.
            _ if self.told == Some(State::Refusing) => State::Refusing,
            _ => State::Away,
        };
        if self.told.replace(state) == Some(state) {
            return;
        }
        let address = &self.shared.address;
        let error = cause.as_ref().map(ToString::to_string);
        match state {
            State::InUse => tracing::info!(%address, "Redis is in use"),
            State::Refusing => tracing::error!(
                %address,
                error,
                "Redis refuses the user and password: correct redis.url; budgets are this process's own \
                 until then"
            ),
            State::Away => tracing::warn!(
                %address,
                error,
                "Redis can't be used: until it can, this process has its own budgets"
            ),
        }
    }
}
