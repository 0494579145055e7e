//! What the endpoints of a service tell those that wait for one: that one was found, that one was lost, and what went wrong
//! last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

/// How long calls wait for a service that was there a moment ago: long enough for a process to restart, and short enough to say
/// within two seconds that the role is missing.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long they wait for one that has been gone for longer. A call starts a new look for it, which this time allows for.
const LAST_LOOK: Duration = Duration::from_millis(250);

/// What each endpoint of a service signals, and callers that look for one wait for.
#[derive(Debug)]
pub(super) struct Signals {
    found: Notify,
    /// Told when a connection is lost: perhaps there are other addresses now.
    lost: Arc<Notify>,
    /// When a connection was lost, or the first was wanted.
    lost_at: Mutex<Instant>,
    /// What went wrong last.
    trouble: Mutex<Option<Arc<str>>>,
}

impl Signals {
    pub(super) fn new() -> Self {
        Self {
            found: Notify::new(),
            lost: Arc::default(),
            lost_at: Mutex::new(Instant::now()),
            trouble: Mutex::default(),
        }
    }

    /// An endpoint is wanted for the first time.
    pub(super) fn first_wanted(&self) {
        *self.lost_at() = Instant::now();
    }

    pub(super) fn found_one(&self) {
        *self.trouble() = None;
        self.found.notify_waiters();
    }

    pub(super) fn lost_one(&self) {
        *self.lost_at() = Instant::now();
        self.lost.notify_one();
    }

    /// An attempt to connect failed.
    pub(super) fn failed_one(&self, error: &str) {
        *self.trouble() = Some(error.into());
        self.lost.notify_one();
    }

    /// Completes when an endpoint is connected.
    pub(super) fn found(&self) -> Notified<'_> {
        self.found.notified()
    }

    /// Told when it is time to look for other addresses.
    pub(super) fn lost(&self) -> Arc<Notify> {
        Arc::clone(&self.lost)
    }

    /// How long a call waits for an endpoint that began to wait at `began`.
    pub(super) fn patient_until(&self, began: Instant) -> Instant {
        (*self.lost_at() + PATIENCE).max(began + LAST_LOOK)
    }

    /// What went wrong last, until an endpoint is connected.
    pub(super) fn last_trouble(&self) -> Option<Arc<str>> {
        self.trouble().clone()
    }

    fn lost_at(&self) -> MutexGuard<'_, Instant> {
        self.lost_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Arc<str>>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
