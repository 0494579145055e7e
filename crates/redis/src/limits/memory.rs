//! Buckets in memory.

use std::hash::Hash;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use super::{Left, Rate, Refused};

type Buckets<K> =
    RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

#[derive(Debug)]
pub(super) struct MemoryBuckets<K: Hash + Eq + Clone> {
    limiter: Buckets<K>,
    rate: Rate,
}

impl<K: Hash + Eq + Clone> MemoryBuckets<K> {
    pub(super) fn new(rate: Rate) -> Self {
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(rate.period()).unwrap_or(Quota::per_second(burst));
        Self {
            limiter: RateLimiter::keyed(quota.allow_burst(burst)).with_middleware(),
            rate,
        }
    }

    pub(super) fn take(&self, key: &K, cost: u32) -> Result<Left, Refused> {
        let cost = self.rate.cost(cost);
        let left = |tokens| Left {
            tokens,
            // The bucket doesn't tell how much of it has passed.
            next: self.rate.period(),
        };
        let wanted = NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN);
        match self.limiter.check_key_n(key, wanted) {
            Ok(Ok(after)) => Ok(left(after.remaining_burst_capacity())),
            // It never wants more than a bucket holds.
            Err(_) => Ok(left(0)),
            Ok(Err(not_until)) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                let full_in = (wait + self.rate.window()).saturating_sub(self.rate.period() * cost);
                Err(Refused::new(wait, self.rate.left(full_in)))
            }
        }
    }

    pub(super) fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}
