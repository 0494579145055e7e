//! Counts in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use platform::Timestamp;

use super::{Keys, TooEarly};
use crate::domain::backoff::{FORGOTTEN_AFTER, Failures};

/// To fill this within the quarter of an hour that a count lives takes more hashes than the pool makes.
const COUNTS: u64 = 100_000;

/// The counts of this process.
#[derive(Debug)]
pub(super) struct MemoryCounts {
    counts: Cache<String, Arc<Mutex<Failures>>>,
}

/// An attempt that is counted here.
#[derive(Debug)]
pub(super) struct Attempt {
    at: Timestamp,
    account: Counted,
    network: Option<Counted>,
}

#[derive(Debug)]
struct Counted {
    count: Arc<Mutex<Failures>>,
    before: Failures,
}

impl MemoryCounts {
    pub(super) fn new() -> Self {
        Self {
            counts: Cache::builder()
                .max_capacity(COUNTS)
                .time_to_idle(FORGOTTEN_AFTER)
                .build(),
        }
    }

    pub(super) fn begin(&self, keys: Keys, now: Timestamp) -> Result<Attempt, TooEarly> {
        let account = self.count(keys.account);
        let network = keys.network.map(|key| self.count(key));
        // Always locked in this order.
        let mut on_account = lock(&account);
        let mut on_network = network.as_ref().map(|count| lock(count));
        if let Some(early) = too_early(&mut on_account, on_network.as_deref_mut(), now) {
            return Err(early);
        }
        let before_on_account = *on_account;
        on_account.count(now);
        let before_on_network = on_network.as_deref_mut().map(|failures| {
            let before = *failures;
            failures.count(now);
            before
        });
        drop((on_account, on_network));
        Ok(Attempt {
            at: now,
            account: Counted {
                count: account,
                before: before_on_account,
            },
            network: network
                .zip(before_on_network)
                .map(|(count, before)| Counted { count, before }),
        })
    }

    fn count(&self, key: String) -> Arc<Mutex<Failures>> {
        self.counts.get_with(key, Arc::default)
    }
}

fn too_early(
    account: &mut Failures,
    network: Option<&mut Failures>,
    now: Timestamp,
) -> Option<TooEarly> {
    let longest = match network {
        Some(network) if network.wait(now) > account.wait(now) => network,
        _ => account,
    };
    let wait = longest.wait(now);
    (wait > Duration::ZERO).then(|| TooEarly {
        wait,
        is_first: longest.report_delay(),
    })
}

impl Attempt {
    /// The password was right: the account's failures are forgotten. The network's stay, or logging in to one's own
    /// account would pay for guessing at others.
    pub(super) fn succeeded(self) {
        *lock(&self.account.count) = Failures::default();
        if let Some(network) = self.network {
            network.take_back(self.at);
        }
    }

    /// The password wasn't looked at.
    pub(super) fn undo(self) {
        self.account.take_back(self.at);
        if let Some(network) = self.network {
            network.take_back(self.at);
        }
    }
}

impl Counted {
    fn take_back(self, counted: Timestamp) {
        lock(&self.count).take_back(counted, self.before);
    }
}

/// A count is whole at every moment, so a panic elsewhere doesn't spoil it.
fn lock(count: &Mutex<Failures>) -> MutexGuard<'_, Failures> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}
