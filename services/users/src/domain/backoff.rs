//! How long an attempt to log in has to wait for those that failed before it.

use std::time::Duration;

use platform::Timestamp;

/// Failures that cost nothing: people mistype.
pub(crate) const FREE_FAILURES: u32 = 4;
/// What the first failure that costs something costs; each further one twice as much.
pub(crate) const FIRST_WAIT: Duration = Duration::from_secs(1);
/// What no failure costs more than.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How far the clocks of processes are apart. One that is further back was set back.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(2);
/// Failures are forgotten when nothing failed for so long.
pub(crate) const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);

/// Failed attempts that belong together, such as all from one network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    count: u32,
    last: Timestamp,
    delay_was_reported: bool,
}

impl Failures {
    /// How long an attempt at `now` has to wait; zero if it needn't. Never longer than the failures cost, also where another
    /// process's clock is a little ahead. Where the clock was set back, the wait begins now.
    pub(crate) fn wait(&mut self, now: Timestamp) -> Duration {
        if self.last > now + CLOCK_SKEW {
            self.last = now;
        }
        let cost = wait_after(self.count);
        (self.last + cost).since(now).min(cost)
    }

    /// Counts an attempt. It is counted before its password is looked at, so that attempts at the same time don't
    /// outrun the count, and taken back if it succeeds.
    pub(crate) fn count(&mut self, now: Timestamp) {
        if now.since(self.last) >= FORGOTTEN_AFTER {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last = now;
        self.delay_was_reported = false;
    }

    /// Takes back an attempt at `counted` that turned out not to be a failure. `before` is what was there before it.
    pub(crate) fn take_back(&mut self, counted: Timestamp, before: Self) {
        self.count = self.count.saturating_sub(1);
        if self.last == counted {
            self.last = before.last;
        }
    }

    /// True the first time it is asked in a wait: one audit event for each wait is enough.
    pub(crate) fn report_delay(&mut self) -> bool {
        !std::mem::replace(&mut self.delay_was_reported, true)
    }
}

fn wait_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES + 1) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_WAIT
            .saturating_mul(1 << doublings.min(16))
            .min(LONGEST_WAIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn after(failures: u32) -> Failures {
        let mut counted = Failures::default();
        for _ in 0..failures {
            counted.count(START);
        }
        counted
    }

    #[test]
    fn doubles_the_wait_from_the_fifth_failure_up_to_a_minute() {
        let waits: Vec<u64> = (0..13).map(|n| after(n).wait(START).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(after(u32::from(u16::MAX)).wait(START).as_secs(), 60);
    }

    #[test]
    fn waits_for_what_is_left_of_the_wait() {
        let now = START + Duration::from_millis(250);
        assert_eq!(after(5).wait(now), Duration::from_millis(750));
        assert_eq!(
            after(5).wait(START + Duration::from_secs(1)),
            Duration::ZERO
        );
    }

    #[test]
    fn waits_no_longer_than_failures_cost_where_the_clock_was_ahead() {
        for set_back in [3600, 50, 3].map(Duration::from_secs) {
            let ahead = START - set_back;
            assert_eq!(after(1).wait(ahead), Duration::ZERO);
            let mut failures = after(6);
            assert_eq!(failures.wait(ahead), Duration::from_secs(2));
            let later = ahead + Duration::from_secs(2);
            assert_eq!(failures.wait(later), Duration::ZERO);
        }
    }

    #[test]
    fn forgets_failures_after_a_quiet_time() {
        let mut failures = after(12);
        failures.count(START + FORGOTTEN_AFTER);
        assert_eq!(failures.wait(START + FORGOTTEN_AFTER), Duration::ZERO);
    }

    #[test]
    fn taking_an_attempt_back_leaves_the_wait_as_it_was() {
        let mut before = after(6);
        let mut failures = before;
        let later = START + Duration::from_secs(5);
        failures.count(later);
        failures.take_back(later, before);
        assert_eq!(failures.wait(START), before.wait(START));
    }

    #[test]
    fn reports_each_wait_once() {
        let mut failures = after(5);
        assert!(failures.report_delay());
        assert!(!failures.report_delay());
        failures.count(START);
        assert!(failures.report_delay());
    }
}
