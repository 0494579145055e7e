//! Counts in memory. Nothing is kept of attempts that are refused, and each that isn't costs a hash: so the tables fill no
//! faster than passwords are checked, and beyond their size what is seldom asked for goes first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use platform::Timestamp;
use sha2::{Digest, Sha256};

use super::{Keys, TooEarly};
use crate::domain::backoff::{FORGOTTEN_AFTER, Failures};
use crate::domain::strangers::{Account, Counted, Counts, TABLE_AGE, Tally};

/// How many of each are kept: some 30 MB when all are full.
const ACCOUNTS: u64 = 30_000;
const TALLIES: u64 = 60_000;
const FAILURES: u64 = 30_000;

/// A key, shortened.
type Key = u128;
type Shared<T> = Arc<Mutex<T>>;

/// The keys of a stranger's attempt; those of the network are absent where it isn't known.
#[derive(Debug, Clone, Copy)]
struct StrangerKeys {
    account: Key,
    place: Key,
    wider: Option<Key>,
    network: Option<Key>,
}

/// The counts of this process.
#[derive(Debug)]
pub(super) struct MemoryCounts {
    accounts: Cache<Key, Shared<Account>>,
    tallies: Cache<Key, Shared<Tally>>,
    failures: Cache<Key, Shared<Failures>>,
}

/// An attempt that is counted here.
#[derive(Debug)]
pub(super) enum Attempt {
    Known {
        count: Shared<Failures>,
        at: Timestamp,
        before: Failures,
    },
    Stranger(Held, Counted),
}

/// The counts that matter to an attempt of a stranger.
#[derive(Debug, Default)]
pub(super) struct Held {
    account: Shared<Account>,
    place: Shared<Tally>,
    neighbours: Option<Shared<Tally>>,
    network: Option<Shared<Failures>>,
}

impl MemoryCounts {
    pub(super) fn new() -> Self {
        Self {
            accounts: kept(ACCOUNTS, TABLE_AGE),
            tallies: kept(TALLIES, TABLE_AGE),
            failures: kept(FAILURES, FORGOTTEN_AFTER),
        }
    }

    pub(super) fn begin(&self, keys: &Keys, now: Timestamp) -> Result<Attempt, TooEarly> {
        match keys {
            Keys::Known(key) => self.begin_known(short(key), now),
            Keys::Stranger {
                account,
                place,
                around,
            } => {
                let keys = StrangerKeys {
                    account: short(account),
                    place: short(place),
                    wider: around.as_ref().map(|it| short(&it.wider)),
                    network: around.as_ref().map(|it| short(&it.network)),
                };
                self.find(keys).look(now)?;
                self.hold(keys).begin(now)
            }
        }
    }

    fn begin_known(&self, key: Key, now: Timestamp) -> Result<Attempt, TooEarly> {
        if let Some(count) = self.failures.get(&key)
            && let Some(early) = too_early(&mut lock(&count), now)
        {
            return Err(early);
        }
        let count = self.failures.get_with(key, Arc::default);
        let mut failures = lock(&count);
        if let Some(early) = too_early(&mut failures, now) {
            return Err(early);
        }
        let before = *failures;
        failures.count(now);
        drop(failures);
        Ok(Attempt::Known {
            count,
            at: now,
            before,
        })
    }

    /// The counts as they are, and empty ones that nobody keeps where there are none.
    fn find(&self, keys: StrangerKeys) -> Held {
        Held {
            account: self.accounts.get(&keys.account).unwrap_or_default(),
            place: self.tallies.get(&keys.place).unwrap_or_default(),
            neighbours: keys.wider.and_then(|wider| self.tallies.get(&wider)),
            network: keys.network.and_then(|network| self.failures.get(&network)),
        }
    }

    /// The counts, from now on kept.
    fn hold(&self, keys: StrangerKeys) -> Held {
        let tally = |key| self.tallies.get_with(key, Arc::default);
        let failures = |key| self.failures.get_with(key, Arc::default);
        Held {
            account: self.accounts.get_with(keys.account, Arc::default),
            place: tally(keys.place),
            neighbours: keys.wider.map(tally),
            network: keys.network.map(failures),
        }
    }

    /// How many counts are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> u64 {
        self.accounts.run_pending_tasks();
        self.tallies.run_pending_tasks();
        self.failures.run_pending_tasks();
        self.accounts.entry_count() + self.tallies.entry_count() + self.failures.entry_count()
    }

    #[cfg(test)]
    pub(super) const MOST: u64 = ACCOUNTS + TALLIES + FAILURES;
}

fn kept<T: Send + Sync + 'static>(most: u64, idle: Duration) -> Cache<Key, Shared<T>> {
    let cache = Cache::builder().max_capacity(most);
    cache.time_to_idle(idle).build()
}

impl Held {
    /// Does something with all counts, which are always locked in this order.
    fn with<T>(&self, act: impl FnOnce(Counts<'_>) -> T) -> T {
        let (mut account, mut place) = (lock(&self.account), lock(&self.place));
        let mut neighbours = self.neighbours.as_deref().map(lock);
        let mut network = self.network.as_deref().map(lock);
        act(Counts {
            account: &mut account,
            place: &mut place,
            neighbours: neighbours.as_deref_mut(),
            network: network.as_deref_mut(),
        })
    }

    /// Whether an attempt may begin.
    fn look(&self, now: Timestamp) -> Result<(), TooEarly> {
        self.with(|mut counts| refuse_early(&mut counts, now))
    }

    /// Counts an attempt if it may begin.
    fn begin(self, now: Timestamp) -> Result<Attempt, TooEarly> {
        let counted = self.with(|mut counts| {
            refuse_early(&mut counts, now)?;
            Ok(counts.count(now))
        })?;
        Ok(Attempt::Stranger(self, counted))
    }
}

fn refuse_early(counts: &mut Counts<'_>, now: Timestamp) -> Result<(), TooEarly> {
    match counts.wait(now) {
        None => Ok(()),
        Some((wait, failures)) => Err(TooEarly {
            wait,
            is_first: failures.report_delay(),
        }),
    }
}

fn too_early(failures: &mut Failures, now: Timestamp) -> Option<TooEarly> {
    let wait = failures.wait(now);
    (wait > Duration::ZERO).then(|| TooEarly {
        wait,
        is_first: failures.report_delay(),
    })
}

impl Attempt {
    /// The password was right.
    pub(super) fn succeeded(self) {
        match self {
            Self::Known { count, .. } => *lock(&count) = Failures::default(),
            Self::Stranger(held, counted) => held.with(|mut counts| counts.succeed(counted)),
        }
    }

    /// The password wasn't looked at.
    pub(super) fn undo(self) {
        match self {
            Self::Known { count, at, before } => lock(&count).take_back(at, before),
            Self::Stranger(held, counted) => held.with(|mut counts| counts.undo(counted)),
        }
    }
}

fn short(key: &str) -> Key {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(key)[..16]);
    Key::from_le_bytes(bytes)
}

/// A count is whole at every moment, so a panic elsewhere doesn't spoil it.
fn lock<T>(count: &Mutex<T>) -> MutexGuard<'_, T> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}
