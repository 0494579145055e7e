//! How busy an endpoint is: calls that it hasn't answered, times the latency that it lately had.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// A peak is half forgotten after about seven tenths of this.
const MEMORY: Duration = Duration::from_secs(10);
/// Of an endpoint that hasn't answered yet.
const UNKNOWN_LATENCY: Duration = Duration::from_millis(1);
/// An endpoint that was away or failed gets its full share after this.
const RETURN_WITHIN: Duration = Duration::from_secs(5);
/// How much busier an endpoint looks than it is when it has just come back or failed. So it gets few calls at first (slow
/// start): its caches are cold, or it may fail again.
const RETURN_FACTOR: f64 = 8.0;

/// The load of one endpoint. Times are nanoseconds since `epoch`; what is read together may be a call apart, which does
/// no harm to a choice between two.
#[derive(Debug)]
pub(super) struct Load {
    epoch: Instant,
    /// Calls whose answers haven't ended.
    in_flight: AtomicU32,
    /// Those of them whose answers haven't begun.
    waiting: AtomicU32,
    latency: AtomicU64,
    /// When the latency was noted.
    noted: AtomicU64,
    /// When somebody began to wait, or the endpoint answered.
    heard: AtomicU64,
    /// When it came back.
    returned: AtomicU64,
}

impl Load {
    pub(super) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            in_flight: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            latency: AtomicU64::new(0),
            noted: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            returned: AtomicU64::new(0),
        }
    }

    pub(super) fn began(&self, at: Instant) {
        self.in_flight.fetch_add(1, Relaxed);
        if self.waiting.fetch_add(1, Relaxed) == 0 {
            self.heard.store(self.nanos(at), Relaxed);
        }
    }

    pub(super) fn answered(&self, after: Duration, at: Instant) {
        self.waiting.fetch_sub(1, Relaxed);
        let now = self.nanos(at);
        self.heard.store(now, Relaxed);
        self.note(saturated(after), now);
    }

    /// A call ends without an answer.
    pub(super) fn gave_up(&self, after: Duration, at: Instant) {
        self.waiting.fetch_sub(1, Relaxed);
        let after = saturated(after);
        if after > self.latency.load(Relaxed) {
            self.note(after, self.nanos(at));
        }
    }

    pub(super) fn ended(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// The endpoint is back from `at` on, or failed then: it gets its share little by little. One that fails fast would
    /// otherwise look like one that is fast.
    pub(super) fn returns(&self, at: Instant) {
        self.returned.store(self.nanos(at), Relaxed);
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// What a call can expect at `at`.
    pub(super) fn latency(&self, at: Instant) -> Duration {
        let now = self.nanos(at);
        let known = match self.latency.load(Relaxed) {
            0 => return UNKNOWN_LATENCY,
            known => Duration::from_nanos(known),
        };
        let age = now.saturating_sub(self.noted.load(Relaxed));
        let usual = known.mul_f64(decay(age));
        if self.waiting.load(Relaxed) == 0 {
            return usual;
        }
        // Whoever waits has waited for at least as long as nothing was heard.
        let silence = now.saturating_sub(self.heard.load(Relaxed));
        usual.max(Duration::from_nanos(silence))
    }

    /// How busy the endpoint is at `at`; the lower the better.
    pub(super) fn score(&self, at: Instant) -> f64 {
        let away = saturated(at.saturating_duration_since(self.epoch))
            .saturating_sub(self.returned.load(Relaxed));
        let progress = (away as f64 / RETURN_WITHIN.as_nanos() as f64).min(1.0);
        let return_factor = RETURN_FACTOR - (RETURN_FACTOR - 1.0) * progress;
        // An idle endpoint at zero would never lose against another.
        let latency = self.latency(at).as_nanos().max(1) as f64;
        latency * f64::from(self.in_flight() + 1) * return_factor
    }

    /// A peak counts at once; what is below it brings it down with time.
    fn note(&self, took: u64, now: u64) {
        let before = self.latency.load(Relaxed);
        let age = now.saturating_sub(self.noted.swap(now, Relaxed));
        let weight = decay(age);
        let next = if before == 0 || took > before {
            took
        } else {
            (before as f64 * weight + took as f64 * (1.0 - weight)) as u64
        };
        self.latency.store(next.max(1), Relaxed);
    }

    fn nanos(&self, at: Instant) -> u64 {
        saturated(at.saturating_duration_since(self.epoch))
    }
}

fn decay(age_nanos: u64) -> f64 {
    (-(age_nanos as f64) / MEMORY.as_nanos() as f64).exp()
}

fn saturated(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Answers a call after `latency`, which passes.
    async fn call(load: &Load, latency: Duration) {
        let start = Instant::now();
        load.began(start);
        tokio::time::advance(latency).await;
        load.answered(latency, Instant::now());
        load.ended();
    }

    #[tokio::test(start_paused = true)]
    async fn a_peak_counts_at_once_and_fades() {
        let load = Load::new();
        call(&load, MS).await;
        assert_eq!(load.latency(Instant::now()), MS);
        call(&load, 100 * MS).await;
        assert_eq!(load.latency(Instant::now()), 100 * MS);
        tokio::time::advance(MEMORY).await;
        let faded = load.latency(Instant::now());
        assert!(faded > 36 * MS && faded < 38 * MS, "{faded:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_in_flight_and_silence_make_an_endpoint_look_busy() {
        let (busy, idle) = (Load::new(), Load::new());
        call(&busy, MS).await;
        call(&idle, MS).await;
        tokio::time::advance(RETURN_WITHIN).await;
        busy.began(Instant::now());
        let now = Instant::now();
        assert!(busy.score(now) > idle.score(now) * 1.9);
        tokio::time::advance(500 * MS).await;
        assert!(busy.latency(Instant::now()) >= 500 * MS);
        assert!(idle.latency(Instant::now()) <= MS);
    }

    #[tokio::test(start_paused = true)]
    async fn failing_fast_is_not_being_fast() {
        let (failing, slow) = (Load::new(), Load::new());
        call(&slow, 5 * MS).await;
        call(&failing, MS).await;
        tokio::time::advance(RETURN_WITHIN).await;
        let now = Instant::now();
        assert!(failing.score(now) < slow.score(now));
        failing.began(now);
        failing.gave_up(Duration::ZERO, now);
        failing.ended();
        failing.returns(now);
        assert!(failing.score(now) > slow.score(now));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_comes_back_gets_its_share_little_by_little() {
        let load = Load::new();
        call(&load, MS).await;
        tokio::time::advance(MEMORY).await;
        call(&load, MS).await;
        let before = load.score(Instant::now());
        load.returns(Instant::now());
        assert!(load.score(Instant::now()) > before * 7.9);
        tokio::time::advance(RETURN_WITHIN / 2).await;
        assert!(load.score(Instant::now()) < before * 5.0);
        tokio::time::advance(RETURN_WITHIN / 2).await;
        assert!(load.score(Instant::now()) <= before);
    }
}
