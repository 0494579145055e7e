//! Counts failed logins, in memory and bounded. A restart forgets them; so does a quarter of an hour without failures.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use platform::Timestamp;

use super::network::Network;
use crate::domain::backoff::{FORGOTTEN_AFTER, Failures};

/// To fill this within the quarter of an hour that a count lives takes more hashes than the pool makes.
const COUNTS: u64 = 100_000;

/// What failures are counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// An address that somebody tries to log in with, whether or not it has an account.
    Account(String),
    /// An account, from a network where its owner logged in before.
    AccountFrom(String, Network),
    /// Everything that comes from a network.
    Network(Network),
}

/// The counts.
#[derive(Debug)]
pub(crate) struct LoginBackoff {
    counts: Cache<Key, Arc<Mutex<Failures>>>,
}

/// An attempt to log in. Counted as a failure unless it turns out otherwise.
#[derive(Debug)]
pub(crate) struct Attempt {
    at: Timestamp,
    account: Counted,
    network: Option<Counted>,
}

#[derive(Debug)]
struct Counted {
    count: Arc<Mutex<Failures>>,
    before: Failures,
}

/// An attempt that comes too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooEarly {
    pub(crate) wait: Duration,
    /// True for the first attempt of each wait.
    pub(crate) is_first: bool,
}

impl LoginBackoff {
    pub(crate) fn new() -> Self {
        Self {
            counts: Cache::builder()
                .max_capacity(COUNTS)
                .time_to_idle(FORGOTTEN_AFTER)
                .build(),
        }
    }

    /// Lets an attempt begin, or says how long it has to wait. From a network that the account's owner is known to use,
    /// only failures on this account from there count, so that strangers can't hold the owner up.
    pub(crate) fn begin(
        &self,
        email_key: &str,
        network: Option<Network>,
        is_known_network: bool,
        now: Timestamp,
    ) -> Result<Attempt, TooEarly> {
        let email_key = email_key.to_owned();
        let (account, network) = match network {
            Some(known) if is_known_network => (Key::AccountFrom(email_key, known), None),
            other => (Key::Account(email_key), other.map(Key::Network)),
        };
        let account = self.count(account);
        let network = network.map(|key| self.count(key));
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

    fn count(&self, key: Key) -> Arc<Mutex<Failures>> {
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
    pub(crate) fn succeeded(self) {
        *lock(&self.account.count) = Failures::default();
        if let Some(network) = self.network {
            network.take_back(self.at);
        }
    }

    /// The password wasn't looked at.
    pub(crate) fn undo(self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn network(last: u8) -> Option<Network> {
        Some(Network::of([192, 0, 2, last].into()))
    }

    fn fail_from(backoff: &LoginBackoff, from: u8, times: u32) {
        for _ in 0..times {
            backoff.begin("alice", network(from), false, START).unwrap();
        }
    }

    #[test]
    fn strangers_hold_up_strangers_and_not_the_owner() {
        let backoff = LoginBackoff::new();
        for from in 1..=5 {
            fail_from(&backoff, from, 1);
        }
        assert!(backoff.begin("alice", network(9), false, START).is_err());
        assert!(backoff.begin("alice", None, false, START).is_err());
        assert!(backoff.begin("alice", network(9), true, START).is_ok());
    }

    #[test]
    fn counts_a_network_over_all_accounts() {
        let backoff = LoginBackoff::new();
        for account in ["a", "b", "c", "d", "e"] {
            backoff.begin(account, network(1), false, START).unwrap();
        }
        assert!(backoff.begin("f", network(1), false, START).is_err());
        assert!(backoff.begin("f", network(2), false, START).is_ok());
    }

    #[test]
    fn success_forgives_the_account_and_not_the_network() {
        let backoff = LoginBackoff::new();
        fail_from(&backoff, 1, 4);
        backoff.begin("mallory", network(1), false, START).unwrap();
        let later = START + Duration::from_secs(1);
        let own = backoff.begin("mallory", network(1), false, later).unwrap();
        own.succeeded();
        fail_from(&backoff, 2, 1);
        assert!(backoff.begin("alice", network(3), false, START).is_err());
        let wait = backoff
            .begin("mallory", network(1), false, START)
            .unwrap_err();
        assert_eq!(wait.wait, Duration::from_secs(1));
    }

    #[test]
    fn an_attempt_that_was_not_looked_at_is_not_counted() {
        let backoff = LoginBackoff::new();
        for _ in 0..20 {
            backoff
                .begin("alice", network(1), false, START)
                .unwrap()
                .undo();
        }
    }

    #[test]
    fn reports_a_wait_once() {
        let backoff = LoginBackoff::new();
        fail_from(&backoff, 1, 5);
        let refused = || {
            backoff
                .begin("alice", network(1), false, START)
                .unwrap_err()
        };
        assert!(refused().is_first);
        assert!(!refused().is_first);
    }
}
