//! A circuit breaker: who fails much, or is slow much, isn't asked for a while, and then by one call that finds out. Pure: the time
//! is given.

use std::time::Duration;

use platform::Timestamp;

/// Into how many slices the rolling window is cut, the oldest of which falls away.
const SLICES: usize = 10;
/// Nobody is left alone for longer, whatever they ask for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How far back calls count.
    pub(crate) window: Duration,
    /// With fewer calls than this in the window it doesn't open.
    pub(crate) min_calls: u32,
    /// It opens when so many of a hundred calls failed.
    pub(crate) failure_percent: u32,
    /// It opens when so many of a hundred calls were slow.
    pub(crate) slow_percent: u32,
    /// For how long it stays open, unless the failure says until when.
    pub(crate) pause: Duration,
}

/// What a call says of the one who was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Good,
    /// It did well, and took too long.
    Slow,
    Failed,
    /// It isn't to be asked before this long has passed; absent for the usual pause.
    Closed(Option<Duration>),
    /// Nothing: the call was at fault, or was given up.
    Nothing,
}

/// What a call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It is one of many.
    Free,
    /// It finds out, alone, whether things are well again.
    Probe,
    /// It goes through an open breaker, as there is nothing better.
    Forced,
}

/// Whether a breaker lets calls through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Closed,
    /// It is open, and the next call may find out.
    HalfOpen,
    /// It lets none through until then, or as long as another call finds out.
    Open(Timestamp),
}

/// How a breaker is seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Condition {
    /// Calls go through.
    Up,
    /// One call finds out.
    Tried,
    /// No calls go through.
    Down,
}

/// The breaker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Breaker {
    state: State,
    slices: [Slice; SLICES],
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Closed,
    Open {
        until: Timestamp,
    },
    Probing {
        since: Timestamp,
    },
}

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    /// Which slice of all time it is.
    number: i64,
    calls: u32,
    failed: u32,
    slow: u32,
}

impl Breaker {
    pub(crate) fn gate(&self, now: Timestamp) -> Gate {
        match self.state {
            State::Closed => Gate::Closed,
            State::Open { until } if until <= now => Gate::HalfOpen,
            State::Open { until } => Gate::Open(until),
            State::Probing { since } => Gate::Open(since),
        }
    }

    pub(crate) fn condition(&self) -> Condition {
        match self.state {
            State::Closed => Condition::Up,
            State::Open { .. } => Condition::Down,
            State::Probing { .. } => Condition::Tried,
        }
    }

    /// Lets a call through, which then says how it went.
    pub(crate) fn admit(&mut self, now: Timestamp) -> Pass {
        match self.gate(now) {
            Gate::Closed => Pass::Free,
            Gate::HalfOpen => {
                self.state = State::Probing { since: now };
                Pass::Probe
            }
            Gate::Open(_) => Pass::Forced,
        }
    }

    /// Takes note of how a call went.
    pub(crate) fn record(&mut self, limits: &Limits, pass: Pass, outcome: Outcome, now: Timestamp) {
        self.count(limits, outcome, now);
        let is_open = !matches!(self.state, State::Closed);
        match (pass, outcome) {
            (Pass::Probe, Outcome::Nothing) => self.state = State::Open { until: now },
            (Pass::Probe | Pass::Forced, Outcome::Good) if is_open => *self = Self::default(),
            (Pass::Probe, Outcome::Failed | Outcome::Slow) => self.open(limits.pause, now),
            (_, Outcome::Closed(pause)) => self.open(pause.unwrap_or(limits.pause), now),
            // Who does well isn't left alone for what was before.
            (_, Outcome::Failed | Outcome::Slow) if !is_open && self.is_too_bad(limits, now) => {
                self.open(limits.pause, now);
            }
            _ => {}
        }
    }

    /// How many of a hundred calls in the window failed.
    pub(crate) fn failed_percent(&self, limits: &Limits, now: Timestamp) -> u32 {
        let sum = self.sum(limits, now);
        percent(sum.failed, sum.calls)
    }

    /// Whether no call of the window counts, and none is kept away.
    pub(crate) fn is_idle(&self, limits: &Limits, now: Timestamp) -> bool {
        matches!(self.state, State::Closed) && self.sum(limits, now).calls == 0
    }

    fn open(&mut self, pause: Duration, now: Timestamp) {
        let until = now + pause.min(LONGEST_PAUSE);
        self.state = match self.state {
            State::Open { until: before } => State::Open {
                until: before.max(until),
            },
            State::Closed | State::Probing { .. } => State::Open { until },
        };
    }

    fn is_too_bad(&self, limits: &Limits, now: Timestamp) -> bool {
        let sum = self.sum(limits, now);
        let reaches = |part, most| percent(part, sum.calls) >= most;
        sum.calls >= limits.min_calls
            && (reaches(sum.failed, limits.failure_percent)
                || reaches(sum.slow, limits.slow_percent))
    }

    fn count(&mut self, limits: &Limits, outcome: Outcome, now: Timestamp) {
        let (failed, slow) = match outcome {
            Outcome::Good => (0, 0),
            Outcome::Slow => (0, 1),
            Outcome::Failed | Outcome::Closed(_) => (1, 0),
            Outcome::Nothing => return,
        };
        let number = slice_number(limits, now);
        let slice = &mut self.slices[number.rem_euclid(SLICES as i64) as usize];
        if slice.number != number {
            *slice = Slice {
                number,
                ..Slice::default()
            };
        }
        slice.calls = slice.calls.saturating_add(1);
        slice.failed = slice.failed.saturating_add(failed);
        slice.slow = slice.slow.saturating_add(slow);
    }

    fn sum(&self, limits: &Limits, now: Timestamp) -> Slice {
        let newest = slice_number(limits, now);
        let is_in = |slice: &&Slice| (0..SLICES as i64).contains(&(newest - slice.number));
        let mut sum = Slice::default();
        for slice in self.slices.iter().filter(is_in) {
            sum.calls = sum.calls.saturating_add(slice.calls);
            sum.failed = sum.failed.saturating_add(slice.failed);
            sum.slow = sum.slow.saturating_add(slice.slow);
        }
        sum
    }
}

fn slice_number(limits: &Limits, now: Timestamp) -> i64 {
    let micros = limits.window.as_micros() / SLICES as u128;
    now.micros()
        .div_euclid(i64::try_from(micros).unwrap_or(i64::MAX).max(1))
}

fn percent(part: u32, whole: u32) -> u32 {
    match whole {
        0 => 0,
        _ => u32::try_from(u64::from(part) * 100 / u64::from(whole)).unwrap_or(100),
    }
}

#[cfg(test)]
mod tests;
