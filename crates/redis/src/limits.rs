//! Budgets: token buckets by key, in the memory of the process, or shared between processes through Redis.
//!
//! Where Redis is away, each process goes on with buckets of its own: nobody is unlimited, and nobody is refused for it.

mod memory;
mod redis;

use std::fmt::Display;
use std::hash::Hash;
use std::time::Duration;

use serde::Deserialize;

use self::memory::MemoryBuckets;
use self::redis::RedisBuckets;
use crate::Redis;

/// How fast a bucket fills, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Tokens that come back every second.
    pub per_second: f64,
    /// Tokens that it holds at most.
    pub burst: u32,
}

impl Rate {
    /// The time in which one token comes back. A whole bucket does within thirty years, which every clock can count.
    fn period(self) -> Duration {
        const LONGEST_SECS: f64 = 1e9;
        let longest_secs = LONGEST_SECS / f64::from(self.burst.max(1));
        Duration::from_secs_f64((1.0 / self.per_second).clamp(1e-9, longest_secs))
    }

    /// What a call takes: at least one token, and not more than the bucket holds.
    fn cost(self, wanted: u32) -> u32 {
        wanted.min(self.burst).max(1)
    }
}

/// Buckets of one rate, full at first: one for each key.
#[derive(Debug)]
pub struct Limiter<K: Hash + Eq + Clone> {
    local: MemoryBuckets<K>,
    shared: Option<RedisBuckets>,
}

impl<K: Hash + Eq + Clone + Display> Limiter<K> {
    /// Buckets in memory.
    pub fn in_memory(rate: Rate) -> Self {
        Self {
            local: MemoryBuckets::new(rate),
            shared: None,
        }
    }

    /// Buckets that all processes with the same name and Redis share.
    pub fn shared(redis: &Redis, name: &str, rate: Rate) -> Self {
        Self {
            shared: Some(RedisBuckets::new(redis.clone(), name, rate)),
            ..Self::in_memory(rate)
        }
    }

    /// Takes `cost` tokens from a bucket; the error says after which time there are enough. Who wants more than a bucket
    /// holds empties a full one.
    pub async fn take(&self, key: &K, cost: u32) -> Result<(), Duration> {
        let Some(shared) = &self.shared else {
            return self.local.take(key, cost);
        };
        // In a box, so that the futures of callers without Redis stay small.
        match Box::pin(shared.take(key.to_string(), cost)).await {
            Ok(decision) => decision,
            Err(_without_redis) => self.local.take(key, cost),
        }
    }

    /// Forgets buckets that are full again.
    pub fn forget_idle(&self) {
        self.local.forget_idle();
    }
}
