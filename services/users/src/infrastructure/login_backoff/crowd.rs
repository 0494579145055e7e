//! Those who log in from one network at the same time.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::{Attempt, Place};
use crate::infrastructure::network::Network;

/// How long an attempt is held at most. Those under way take less, unless there is too much to do.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many of a network are held at a time.
const HELD: usize = 32;
/// How many networks are kept, and for how long: an attempt ends sooner.
const NETWORKS: u64 = 30_000;
const KEPT: Duration = Duration::from_secs(60);

/// The attempts of this process that are under way, by their networks.
#[derive(Debug)]
pub(super) struct Crowds(Cache<Option<Network>, Arc<Crowd>>);

#[derive(Debug)]
struct Crowd {
    /// How many are under way. Told when one ends.
    under_way: watch::Sender<usize>,
    held: Semaphore,
}

/// One who wants to begin, and notices from now on who ends.
#[derive(Debug)]
pub(super) struct Visit {
    crowd: Arc<Crowd>,
    under_way: watch::Receiver<usize>,
    until: Instant,
}

/// An attempt under way, until this is dropped.
#[derive(Debug)]
pub(super) struct Stay(Arc<Crowd>);

impl Crowds {
    pub(super) fn new() -> Self {
        let networks = Cache::builder().max_capacity(NETWORKS);
        Self(networks.time_to_idle(KEPT).build())
    }

    pub(super) fn visit(&self, network: Option<Network>) -> Visit {
        let crowd = self.0.get_with(network, || {
            Arc::new(Crowd {
                under_way: watch::Sender::new(0),
                held: Semaphore::new(HELD),
            })
        });
        Visit {
            under_way: crowd.under_way.subscribe(),
            until: Instant::now() + PATIENCE,
            crowd,
        }
    }
}

impl Visit {
    /// Waits until an attempt ends, also one that has since the last call. False where none is under way, and where the wait
    /// is too long.
    pub(super) async fn next_end(&mut self) -> bool {
        let has_ended = self.under_way.has_changed().unwrap_or(false);
        if !has_ended && *self.under_way.borrow() == 0 {
            return false;
        }
        let Ok(_held) = self.crowd.held.try_acquire() else {
            return false;
        };
        let end = tokio::time::timeout_at(self.until, self.under_way.changed());
        matches!(end.await, Ok(Ok(())))
    }

    /// The attempt begins.
    pub(super) fn stays(self, place: Place) -> Attempt {
        // Nobody waits for one that begins.
        self.crowd.under_way.send_if_modified(|number| {
            *number += 1;
            false
        });
        Attempt {
            place,
            _stay: Stay(self.crowd),
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|number| *number -= 1);
    }
}
