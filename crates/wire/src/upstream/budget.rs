//! The retry budget of a client: a fifth of its calls of the last ten seconds, and ten a second besides.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Where every call fails, retries add a fifth to the load of the servers that fail. Without a budget they would multiply it by
/// the number of tries, and keep an overloaded server down.
const SHARE: f64 = 0.2;
/// A client that calls rarely may retry too: a share of few calls is less than one retry.
const FLOOR_A_SECOND: f64 = 10.0;
const WINDOW_SECS: f64 = 10.0;

/// The budget of a client for one service. Calls only count; what they bring is reckoned when a retry asks.
#[derive(Debug)]
pub(super) struct Budget {
    calls: AtomicU64,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    retries: f64,
    /// When that was so.
    at: Instant,
}

impl Budget {
    /// A budget with the floor of a full window in it.
    pub(super) fn new() -> Self {
        Self {
            calls: AtomicU64::new(0),
            left: Mutex::new(Left {
                retries: FLOOR_A_SECOND * WINDOW_SECS,
                at: Instant::now(),
            }),
        }
    }

    pub(super) fn called(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    /// Takes a retry out, if one is left.
    pub(super) fn take(&self) -> bool {
        let now = Instant::now();
        let calls = self.calls.swap(0, Relaxed) as f64;
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(left.at).as_secs_f64();
        let in_window = passed.min(WINDOW_SECS);
        // What is older than the window is forgotten, as if it had come evenly.
        let kept = left.retries * (1.0 - in_window / WINDOW_SECS);
        let recent_calls = calls * (WINDOW_SECS / passed.max(WINDOW_SECS));
        left.retries = kept + recent_calls * SHARE + in_window * FLOOR_A_SECOND;
        left.at = now;
        let is_left = left.retries >= 1.0;
        if is_left {
            left.retries -= 1.0;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn taken(budget: &Budget) -> usize {
        std::iter::from_fn(|| budget.take().then_some(())).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_calls_little_has_ten_a_second() {
        let budget = Budget::new();
        assert_eq!(taken(&budget), 100);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(taken(&budget), 10);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(taken(&budget), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_calls_much_has_a_fifth_of_its_calls_besides() {
        let budget = Budget::new();
        taken(&budget);
        for _ in 0..1000 {
            budget.called();
        }
        assert_eq!(taken(&budget), 200);
        for _ in 0..1000 {
            budget.called();
        }
        // What was called long ago doesn't count.
        tokio::time::advance(Duration::from_secs(100)).await;
        assert_eq!(taken(&budget), 120);
    }
}
