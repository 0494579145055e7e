//! The adaptive concurrency limit of a method, of calls in flight: lower when they wait for one another, higher when they don't.

use std::time::Duration;

use crate::config::Overload;

/// What part of calls may be refused further in before fewer are let in, in percent.
const PUSHED_BACK_PERCENT: usize = 5;
/// What calls may always wait for one another, however quick they are: less is within what times of calls differ anyway.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// Calls that may be under way as long as nothing tells against more.
const AT_FIRST: usize = 64;

/// What was seen of a method's calls since the last decision.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Seen {
    /// Calls that ended.
    pub(super) ended: usize,
    /// Those of them that a service refused for load.
    pub(super) pushed_back: usize,
    /// Their times together.
    pub(super) took: Duration,
    /// Most that were under way at once.
    pub(super) most_running: usize,
}

impl Seen {
    /// How long a call took on the average.
    pub(super) fn mean(&self) -> Duration {
        self.took / u32::try_from(self.ended.max(1)).unwrap_or(u32::MAX)
    }
}

/// The limit of a method, and the time that its calls take when nothing is in their way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) calls: usize,
    /// The shortest time of calls, which is forgotten little by little.
    quickest: Option<Duration>,
}

impl Limit {
    /// Where a method begins.
    pub(super) fn new(settings: &Overload) -> Self {
        Self {
            calls: at_first(settings),
            quickest: None,
        }
    }

    /// Notes how long a call took.
    pub(super) fn note(&mut self, took: Duration) {
        self.quickest = Some(self.quickest.map_or(took, |known| known.min(took)));
    }

    /// Decides anew. Calls that are slow while the process has time left wait for something else, such as a model, and fewer
    /// of them would help nobody; nor would they where far fewer run than may.
    pub(super) fn decide(&mut self, seen: &Seen, is_busy: bool, settings: &Overload) {
        let mean = seen.mean();
        let quickest = self.quickest.unwrap_or(mean);
        let wait = Duration::from_millis(settings.wait_millis);
        let is_slow = mean > quickest + quickest.clamp(SHORTEST_WAIT.min(wait), wait);
        let is_pushed_back = seen.pushed_back * 100 > seen.ended * PUSHED_BACK_PERCENT;
        let most = settings.most_calls.max(1);
        let least = settings.least_calls.clamp(1, most);
        let is_used = seen.most_running * 2 > self.calls;
        if is_pushed_back || (is_slow && is_busy && is_used) {
            let used = seen.most_running.clamp(self.calls / 2, self.calls);
            self.calls = (used - used.div_ceil(10)).max(least);
        } else if seen.most_running >= self.calls || (!is_used && self.calls < at_first(settings)) {
            self.calls = (self.calls + self.calls.div_ceil(10)).min(most);
        }
        // Whatever the quickest was: a method may have become slower for good.
        self.quickest = self.quickest.map(|known| known + known.mul_f64(0.0001));
    }
}

/// Where a limit begins, and what may be under way at least while the process has time left.
pub(super) fn at_first(settings: &Overload) -> usize {
    AT_FIRST.max(settings.least_calls).min(settings.most_calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(2);
    const SLOW: Duration = Duration::from_millis(400);

    fn settings() -> Overload {
        Overload {
            least_calls: 10,
            most_calls: 200,
            ..Overload::default()
        }
    }

    /// The limit after many decisions about calls that fill it and take so long.
    fn settled(took: Duration, is_busy: bool, pushed_back: usize) -> usize {
        let mut limit = Limit::new(&settings());
        limit.note(QUICK);
        for _ in 0..100 {
            let seen = Seen {
                ended: 10,
                pushed_back,
                took: took * 10,
                most_running: limit.calls,
            };
            limit.decide(&seen, is_busy, &settings());
        }
        limit.calls
    }

    #[test]
    fn calls_that_wait_for_one_another_become_fewer() {
        assert_eq!(settled(SLOW, true, 0), 10);
        assert_eq!(settled(QUICK, false, 10), 10);
    }

    #[test]
    fn quick_calls_may_wait_for_as_long_as_they_take_and_slow_ones_for_the_time_that_is_set() {
        let after = |quickest: Duration, took: Duration| {
            let mut limit = Limit::new(&settings());
            limit.note(quickest);
            let seen = Seen {
                ended: 10,
                took: took * 10,
                most_running: limit.calls,
                ..Seen::default()
            };
            let before = limit.calls;
            limit.decide(&seen, true, &settings());
            limit.calls >= before
        };
        let micros = Duration::from_micros;
        assert!(after(micros(100), micros(1_000)));
        assert!(!after(micros(100), micros(1_200)));
        assert!(after(micros(3_000), micros(5_900)));
        assert!(!after(micros(3_000), micros(6_100)));
        assert!(after(micros(60_000), micros(64_900)));
        assert!(!after(micros(60_000), micros(65_100)));
    }

    #[test]
    fn calls_that_end_in_time_or_wait_for_others_become_more() {
        assert_eq!(settled(QUICK, true, 0), 200);
        assert_eq!(settled(SLOW, false, 0), 200);
    }

    #[test]
    fn a_limit_that_nobody_reaches_stays_and_one_of_a_storm_that_is_over_becomes_what_it_was() {
        let mut limit = Limit::new(&settings());
        limit.note(QUICK);
        let alone = |took| Seen {
            ended: 1,
            took,
            most_running: 1,
            ..Seen::default()
        };
        limit.decide(&alone(QUICK), false, &settings());
        limit.decide(&alone(SLOW), true, &settings());
        assert_eq!(limit.calls, 64);
        limit.calls = 10;
        for _ in 0..30 {
            limit.decide(&alone(SLOW), true, &settings());
        }
        assert!(limit.calls >= 64);
    }
}
