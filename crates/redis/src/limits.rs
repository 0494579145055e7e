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
    /// The time in which an empty bucket fills.
    pub fn window(self) -> Duration {
        self.period() * self.burst.max(1)
    }

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

    /// What a bucket holds that is full after a time.
    fn left(self, full_in: Duration) -> Left {
        let period = self.period();
        let missing = full_in.as_nanos().div_ceil(period.as_nanos());
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        Left {
            tokens: self.burst.saturating_sub(missing),
            next: full_in.saturating_sub(period * missing.saturating_sub(1)),
        }
    }
}

/// What a bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Whole tokens.
    pub tokens: u32,
    /// The time until there is one more, or a little longer.
    pub next: Duration,
}

/// A bucket holds too few tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// After which time there are enough.
    pub wait: Duration,
    /// What it holds.
    pub left: Left,
}

impl Refused {
    fn new(wait: Duration, mut left: Left) -> Self {
        // Whoever waits long enough for all has waited for the next.
        left.next = left.next.min(wait);
        Self { wait, left }
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

    /// Takes `cost` tokens from a bucket, and says what is left; the error says after which time there are enough. Who wants more
    /// than a bucket holds empties a full one.
    pub async fn take(&self, key: &K, cost: u32) -> Result<Left, Refused> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_whole_tokens() {
        let rate = Rate {
            per_second: 50.0,
            burst: 200,
        };
        assert_eq!(rate.window(), Duration::from_secs(4));
        for (full_in, tokens, next) in [
            (0, 200, 0),
            (1, 199, 1),
            (20, 199, 20),
            (251, 187, 11),
            (260, 187, 20),
            (261, 186, 1),
            (3_980, 1, 20),
            (4_000, 0, 20),
            (9_999, 0, 19),
        ] {
            let left = rate.left(Duration::from_millis(full_in));
            let next = Duration::from_millis(next);
            assert_eq!(left, Left { tokens, next }, "{full_in}");
        }
    }

    #[test]
    fn the_next_token_is_not_later_than_all_that_are_awaited() {
        let left = Left {
            tokens: 0,
            next: Duration::from_secs(2),
        };
        let refused = Refused::new(Duration::from_secs(1), left);
        assert_eq!(refused.left.next, Duration::from_secs(1));
    }
}
