//! The keys of a server: which one the next call takes, and which ones rest. A key takes so many calls at once and in a minute; one
//! that is refused, or has had too many calls, is set aside while there are others.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use rand::RngExt;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::retry::LONGEST_PAUSE;
use crate::config::{ApiKey, KeyConfig};
use crate::domain::ProviderError;

const MINUTE: Duration = Duration::from_secs(60);
/// How long a key rests that was refused, or whose credit is used up: an operator may put it right.
const REST_OF_REFUSED: Duration = Duration::from_secs(300);
/// How long a key rests that has had too many calls, where the server doesn't say.
const REST_OF_LIMITED: Duration = Duration::from_secs(5);

/// The keys of a server, at least one.
#[derive(Debug)]
pub(crate) struct Keys {
    keys: Vec<Key>,
    /// Told whenever a call ends.
    freed: Notify,
}

/// A key.
#[derive(Debug)]
pub(crate) struct Key {
    limits: KeyConfig,
    headers: HeaderMap,
    load: Mutex<Load>,
}

/// How much of a key is in use.
#[derive(Debug, Default)]
struct Load {
    calls: u32,
    /// When the calls of the last minute began, where they are limited.
    begun: VecDeque<Instant>,
    aside: Option<Aside>,
}

/// Why a key rests, and until when.
#[derive(Debug, Clone, Copy)]
struct Aside {
    until: Instant,
    is_limited: bool,
}

/// A key in use. Dropping it gives its place back.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    keys: &'a Keys,
    key: &'a Key,
}

impl Key {
    /// A key, and the headers that carry it.
    pub(crate) fn new(limits: KeyConfig, headers: HeaderMap) -> Self {
        Self {
            limits,
            headers,
            load: Mutex::default(),
        }
    }

    /// The headers of requests with it.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The failure without the key, which some servers quote.
    pub(super) fn strike_out(&self, error: ProviderError) -> ProviderError {
        error.map_cause(|cause| self.secret().strike_out(cause))
    }

    fn secret(&self) -> &ApiKey {
        &self.limits.key
    }

    fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free_at(&self, now: Instant) -> Option<Instant> {
        self.load().free_at(&self.limits, now)
    }

    /// Takes a place, unless there is none.
    fn begin(&self, now: Instant) -> bool {
        let mut load = self.load();
        let is_free = load.free_at(&self.limits, now) == Some(now);
        if is_free {
            load.calls += 1;
        }
        if is_free && self.limits.calls_per_minute.is_some() {
            load.begun.push_back(now);
        }
        is_free
    }

    fn aside(&self, now: Instant) -> Option<Aside> {
        self.load().aside.filter(|aside| aside.until > now)
    }
}

impl Load {
    /// When there is room for one more call: now, or when the oldest call of the minute is past; none while one must end first.
    fn free_at(&mut self, limits: &KeyConfig, now: Instant) -> Option<Instant> {
        while self
            .begun
            .front()
            .is_some_and(|begun| *begun + MINUTE <= now)
        {
            self.begun.pop_front();
        }
        let at_once = limits.concurrent_calls.unwrap_or(u32::MAX);
        let per_minute = limits.calls_per_minute.unwrap_or(u32::MAX) as usize;
        match self.begun.front() {
            _ if self.calls >= at_once => None,
            Some(oldest) if self.begun.len() >= per_minute => Some(*oldest + MINUTE),
            _ => Some(now),
        }
    }
}

impl Keys {
    pub(crate) fn new(keys: Vec<Key>) -> Self {
        Self {
            keys,
            freed: Notify::new(),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.keys.len()
    }

    /// All of them, for requests that count for no limit.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// A key for a call, by their weights; waits until `deadline` for one that has room.
    ///
    /// # Errors
    /// All keys have had too many calls and rest for longer than is waited for, or none of them gets free.
    pub(crate) async fn lease(&self, deadline: Instant) -> Result<Lease<'_>, ProviderError> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let now = Instant::now();
            let until = match self.choose(now) {
                Ok(key) if key.begin(now) => return Ok(Lease { keys: self, key }),
                // Another call was quicker.
                Ok(_) => continue,
                Err(until) => until,
            };
            if now >= deadline {
                let waited_for = "all keys for the model server are in use";
                return Err(ProviderError::Timeout { waited_for });
            }
            match until {
                Some(until) if until > deadline.min(now + LONGEST_PAUSE) && self.all_rest(now) => {
                    let retry_after = Some(until - now);
                    return Err(ProviderError::RateLimited { retry_after });
                }
                until => {
                    let until = until.unwrap_or(deadline).min(deadline);
                    // Whichever comes first: a place, or a minute that is past.
                    let _ = timeout_at(until, freed).await;
                }
            }
        }
    }

    /// Takes note of how a call failed. True if another key may do better at once.
    pub(crate) fn failed(&self, lease: &Lease<'_>, error: &ProviderError) -> bool {
        let (rest, is_limited) = match error {
            ProviderError::Account { .. } => (REST_OF_REFUSED, false),
            ProviderError::RateLimited { retry_after } => {
                (retry_after.unwrap_or(REST_OF_LIMITED), true)
            }
            _ => return false,
        };
        if self.keys.len() < 2 {
            return false;
        }
        let now = Instant::now();
        lease.key.load().aside = Some(Aside {
            until: now + rest,
            is_limited,
        });
        let place = self
            .keys
            .iter()
            .position(|key| std::ptr::eq(key, lease.key));
        tracing::warn!(
            key = place.map(|place| place + 1),
            rest_secs = rest.as_secs(),
            kind = error.kind(),
            "a key for the model server is set aside"
        );
        self.keys.iter().any(|key| key.aside(now).is_none())
    }

    /// One of the keys that don't rest and have room, by weight; or when one may have. Where all rest, a key that was refused is
    /// tried again sooner than none: the one whose rest ends first.
    fn choose(&self, now: Instant) -> Result<&Key, Option<Instant>> {
        let is_rested = |key: &&Key| key.aside(now).is_none();
        let mut able: Vec<&Key> = self.keys.iter().filter(is_rested).collect();
        let back = self.end_of_rest(now);
        if able.is_empty() && back.is_none() {
            able.extend(
                self.keys
                    .iter()
                    .min_by_key(|key| key.aside(now).map(|aside| aside.until)),
            );
        }
        by_room(&able, now).map_err(|until| until.into_iter().chain(back).min())
    }

    /// When the first limited key is back.
    fn end_of_rest(&self, now: Instant) -> Option<Instant> {
        let asides = self.keys.iter().filter_map(|key| key.aside(now));
        asides
            .filter(|aside| aside.is_limited)
            .map(|aside| aside.until)
            .min()
    }

    fn all_rest(&self, now: Instant) -> bool {
        self.keys.iter().all(|key| key.aside(now).is_some())
    }
}

/// One of the keys that have room, by weight; or when the next one has.
fn by_room<'a>(keys: &[&'a Key], now: Instant) -> Result<&'a Key, Option<Instant>> {
    let places: Vec<Option<Instant>> = keys.iter().map(|key| key.free_at(now)).collect();
    let free = || {
        keys.iter()
            .zip(&places)
            .filter(|(_, free)| **free == Some(now))
            .map(|(key, _)| *key)
    };
    let all: u64 = free().map(|key| u64::from(key.limits.weight)).sum();
    if all == 0 {
        return Err(places.into_iter().flatten().min());
    }
    let mut share = rand::rng().random_range(0..all);
    for key in free() {
        match share.checked_sub(u64::from(key.limits.weight)) {
            Some(rest) => share = rest,
            None => return Ok(key),
        }
    }
    Err(None)
}

impl Lease<'_> {
    pub(super) fn key(&self) -> &Key {
        self.key
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.key.load().calls -= 1;
        self.keys.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
