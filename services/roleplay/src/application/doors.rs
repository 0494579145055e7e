//! What tells open streams that somebody may have lost their place in a session.
//!
//! In this process each loss is told at once. What another process does is found by asking the database, as often as
//! [`LOOK_EVERY`], only where processes share one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long a stream goes on at most that another process should end.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The doors of all sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Doors(Arc<watch::Sender<()>>);

impl Default for Doors {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }
}

impl Doors {
    /// Somebody lost their place: whoever has a stream open is to look whether it was them.
    pub(super) fn closed(&self) {
        self.0.send_modify(|()| ());
    }

    /// What tells a stream when to look.
    pub(super) fn guard(&self, is_shared: bool) -> Guard {
        Guard {
            closed: self.0.subscribe(),
            looked: Instant::now(),
            is_shared,
            is_unsure: false,
        }
    }
}

/// Tells a stream when to look whether it may go on.
pub(super) struct Guard {
    closed: watch::Receiver<()>,
    looked: Instant,
    is_shared: bool,
    /// Whether the last look came to nothing.
    is_unsure: bool,
}

impl Guard {
    /// Whether it is time to look, which is then taken as done.
    pub(super) fn is_due(&mut self) -> bool {
        let was_told = self.closed.has_changed().unwrap_or(false);
        let is_due = was_told || (self.looks_by_itself() && self.looked.elapsed() >= LOOK_EVERY);
        if is_due {
            self.closed.mark_unchanged();
            self.looked = Instant::now();
            self.is_unsure = false;
        }
        is_due
    }

    /// The look came to nothing: it is due again after a while.
    pub(super) fn look_again(&mut self) {
        self.is_unsure = true;
    }

    fn looks_by_itself(&self) -> bool {
        self.is_shared || self.is_unsure
    }

    /// Completes when it is time to look.
    pub(super) async fn alarm(&mut self) {
        let (next, by_itself) = (self.looked + LOOK_EVERY, self.looks_by_itself());
        let tick = async {
            match by_itself {
                true => tokio::time::sleep_until(next).await,
                false => std::future::pending().await,
            }
        };
        let closed = &mut self.closed;
        let told = async {
            // It has changed when it returns, and stays so until somebody looks.
            if closed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            closed.mark_changed();
        };
        tokio::select! {
            () = tick => {}
            () = told => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_looks_when_it_is_told_and_where_others_may_tell_every_half_second() {
        let doors = Doors::default();
        let (mut alone, mut shared) = (doors.guard(false), doors.guard(true));
        assert!(!alone.is_due() && !shared.is_due());
        tokio::time::timeout(LOOK_EVERY * 2, shared.alarm())
            .await
            .unwrap();
        assert!(shared.is_due() && !shared.is_due());
        tokio::time::timeout(LOOK_EVERY * 2, alone.alarm())
            .await
            .unwrap_err();
        assert!(!alone.is_due());
        doors.closed();
        alone.alarm().await;
        assert!(alone.is_due() && !alone.is_due());
        // The database was away.
        alone.look_again();
        assert!(!alone.is_due());
        alone.alarm().await;
        assert!(alone.is_due() && !alone.is_due());
        tokio::time::timeout(LOOK_EVERY * 2, alone.alarm())
            .await
            .unwrap_err();
    }
}
