//! The circuit breaker of an endpoint (outlier ejection): when several calls in a row fail, it takes the endpoint out for a
//! while.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many failures in a row open the breaker. Envoy and Linkerd eject after five and seven: fewer would eject an endpoint for
/// the accident of a few bad requests.
const FAILURES: u32 = 5;
/// How long an endpoint is out the first time; twice as long each further time. A restarted process is back in about two
/// seconds; one that stays broken gets a call in 30 seconds.
const OUT_FIRST: Duration = Duration::from_secs(2);
const OUT_LONGEST: Duration = Duration::from_secs(30);

/// The breaker of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: AtomicU32,
    open: Mutex<Open>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Open {
    until: Option<Instant>,
    /// How often in succession, without an answer in between.
    times: u32,
}

impl Breaker {
    /// An answer that is no fault of the endpoint.
    pub(super) fn succeeded(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
            self.open().times = 0;
        }
    }

    /// A fault of the endpoint. True if it has too many and should be taken out.
    pub(super) fn failed(&self) -> bool {
        self.failures.fetch_add(1, Relaxed) + 1 >= FAILURES
    }

    /// Takes the endpoint out, and tells until when.
    pub(super) fn trip(&self, now: Instant) -> Instant {
        let mut open = self.open();
        let doubled = OUT_FIRST.saturating_mul(1 << open.times.min(10));
        let until = now + doubled.min(OUT_LONGEST);
        open.times += 1;
        open.until = Some(until);
        // Once it is back, one more failure is enough.
        self.failures.store(FAILURES - 1, Relaxed);
        until
    }

    /// A new connection leads to a new process, which has failed nobody.
    pub(super) fn reset(&self) {
        self.failures.store(0, Relaxed);
        *self.open() = Open::default();
    }

    /// Whether the endpoint is out.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        // Nobody who hasn't failed is out, so most need no lock.
        self.failures.load(Relaxed) != 0 && self.open().until.is_some_and(|until| now < until)
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures.load(Relaxed)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_take_it_out_and_an_answer_in_between_does_not() {
        let breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 0..4 {
                assert!(!breaker.failed());
            }
            breaker.succeeded();
        }
        for _ in 0..4 {
            assert!(!breaker.failed());
        }
        assert!(breaker.failed());
    }

    #[tokio::test(start_paused = true)]
    async fn each_time_it_stays_out_for_longer_until_it_answers() {
        let breaker = Breaker::default();
        let mut expected = OUT_FIRST;
        for _ in 0..6 {
            let until = breaker.trip(Instant::now());
            assert_eq!(until - Instant::now(), expected);
            assert!(breaker.is_open(Instant::now()));
            tokio::time::advance(expected).await;
            assert!(!breaker.is_open(Instant::now()));
            // The first failure after it is back.
            assert!(breaker.failed());
            expected = (expected * 2).min(OUT_LONGEST);
        }
        breaker.succeeded();
        let until = breaker.trip(Instant::now());
        assert_eq!(until - Instant::now(), OUT_FIRST);
    }
}
