//! The calls in flight of one method, and the connections that wait for one to end.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::held::Held;
use super::limit::{Limit, Seen};
use super::pace::Pace;
use crate::config::Overload;

/// How often a limit is decided about.
const WINDOW: Duration = Duration::from_millis(50);
/// Calls that a decision needs, unless it has waited for long.
const ENOUGH: usize = 8;
const LONG: Duration = Duration::from_millis(500);
/// How far apart connections that were refused are read again, so that refusing takes little of the time that calls need.
const APART: Duration = Duration::from_micros(2_500);
/// Calls are quick that take less than this part of the longest wait.
const QUICK: u32 = 5;
/// The longest hold, in times of the shortest.
pub(super) const LONGEST_HOLD: u32 = 8;

/// The load that a method is under.
#[derive(Debug)]
pub(crate) struct Load {
    running: AtomicUsize,
    /// Calls of connections that are read on, which don't run yet.
    expected: AtomicUsize,
    limit: AtomicUsize,
    /// Whether those who wait are let in.
    is_filling: AtomicBool,
    /// How long a request may have waited to be read, in microseconds.
    longest_wait: AtomicU64,
    window: Mutex<Window>,
    held: Mutex<Held>,
    /// When the connection that is refused next is read again, in microseconds.
    next_turn: AtomicU64,
    begun: Instant,
    /// When somebody found no room last, in milliseconds; 0 before the first one.
    full_at: AtomicU64,
    settings: Overload,
}

#[derive(Debug)]
struct Window {
    started: Instant,
    seen: Seen,
    limit: Limit,
}

impl Load {
    /// A method that nobody calls.
    pub(crate) fn new(settings: &Overload) -> Arc<Self> {
        let limit = Limit::new(settings);
        let window = Window {
            started: Instant::now(),
            seen: Seen::default(),
            limit,
        };
        Arc::new(Self {
            running: AtomicUsize::new(0),
            expected: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit.calls),
            is_filling: AtomicBool::new(true),
            longest_wait: AtomicU64::new(settings.longest_wait_millis * 1000),
            window: Mutex::new(window),
            held: Mutex::default(),
            next_turn: AtomicU64::new(0),
            begun: Instant::now(),
            full_at: AtomicU64::new(0),
            settings: settings.clone(),
        })
    }

    /// Counts a call; gives how many run now, and how many may.
    pub(super) fn enter(&self) -> (usize, usize) {
        let running = self.running.fetch_add(1, Ordering::AcqRel) + 1;
        (running, self.limit())
    }

    /// Takes a call off again. A connection that was refused is read on where there is room for what it asks.
    pub(super) fn leave(self: &Arc<Self>) {
        self.running.fetch_sub(1, Ordering::AcqRel);
        self.pass_on();
    }

    /// Whether one who was refused may be read on, or one who has had a turn has another. Not as soon as one place is free:
    /// most who were answered ask again at once, and would meet those who were let go. Connections of one request each are let
    /// go many at a time, which takes less of the processor's time than one by one: what they ask is read, answered and
    /// written together.
    pub(super) fn has_room(&self, had: Option<&Turn>, has_streams: bool) -> bool {
        let expected = self.expected.load(Ordering::Relaxed);
        let of_others = expected.saturating_sub(had.map_or(0, |had| had.calls));
        let (calls, limit) = (self.running() + of_others, self.limit());
        if calls * 8 >= limit * 7 {
            self.is_filling.store(false, Ordering::Relaxed);
            return false;
        }
        if calls * 2 <= limit {
            self.is_filling.store(true, Ordering::Relaxed);
        }
        has_streams || self.is_filling.load(Ordering::Relaxed)
    }

    /// Lets connections be read on, those first that were held last, as long as there is room.
    fn pass_on(self: &Arc<Self>) {
        while self.has_room(None, true) {
            let mut seen = Vec::new();
            let next = self
                .held()
                .take(|pace| self.has_room(None, pace.has_streams()), &mut seen);
            drop(seen);
            let Some(pace) = next else {
                return;
            };
            pace.let_go(self.turn(pace.calls_of_a_turn()));
        }
    }

    /// A turn to read so many calls, or about so many.
    pub(super) fn turn(self: &Arc<Self>, calls: usize) -> Turn {
        self.expected.fetch_add(calls, Ordering::Relaxed);
        Turn {
            load: Arc::downgrade(self),
            calls,
        }
    }

    /// Whether a request that has waited for so long is refused: longer than the call takes, unless that is quick.
    pub(super) fn is_late(&self, waited: Duration) -> bool {
        let longest = self.longest_wait.load(Ordering::Relaxed);
        waited > Duration::from_micros(longest) && self.is_pressed()
    }

    /// Whether somebody found no room a moment ago.
    pub(super) fn is_pressed(&self) -> bool {
        let full_at = self.full_at.load(Ordering::Relaxed);
        full_at > 0 && self.millis() < full_at + self.settings.longest_wait_millis
    }

    /// Notes a refusal. The connection, where it is given, isn't read for a while, with all its streams if it has any. Gives
    /// when it makes sense to ask again.
    pub(super) fn refuse(
        self: &Arc<Self>,
        pace: Option<&Arc<Pace>>,
        has_streams: bool,
    ) -> Duration {
        self.full_at.store(self.millis(), Ordering::Relaxed);
        let time = self.hold_time();
        if let Some(pace) = pace
            && pace.hold(self, has_streams, time)
        {
            self.keep(pace);
        }
        time
    }

    /// How long a connection is held that is refused now: the longer the more were refused before.
    pub(super) fn hold_time(&self) -> Duration {
        let shortest = Duration::from_millis(self.settings.hold_millis);
        let now = self.begun.elapsed();
        let within = |next: u64| {
            let next = Duration::from_micros(next);
            next.clamp(now + shortest, now + shortest * LONGEST_HOLD)
        };
        let after = |next| u64::try_from((within(next) + APART).as_micros()).ok();
        let order = Ordering::Relaxed;
        let turn = self.next_turn.fetch_update(order, order, after);
        let (Ok(turn) | Err(turn)) = turn;
        within(turn) - now
    }

    /// Keeps a connection that waits for room. Where there is some, as after a refusal for lateness, it is read on at once.
    pub(super) fn keep(self: &Arc<Self>, pace: &Arc<Pace>) {
        self.full_at.store(self.millis(), Ordering::Relaxed);
        let mut seen = Vec::new();
        self.held().put(pace, &mut seen);
        drop(seen);
        self.pass_on();
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).map_or(u64::MAX, |millis| millis + 1)
    }

    /// Notes a call that ended and was taken off.
    pub(super) fn note(&self, took: Duration, pushed_back: bool, is_busy: bool) {
        let running = self.running() + 1;
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = &mut window.seen;
        seen.ended += 1;
        seen.pushed_back += usize::from(pushed_back);
        seen.took += took;
        seen.most_running = seen.most_running.max(running);
        if !pushed_back {
            window.limit.note(took);
        }
        let age = window.started.elapsed();
        if age < WINDOW || (window.seen.ended < ENOUGH && age < LONG) {
            return;
        }
        let seen = std::mem::take(&mut window.seen);
        window.started = Instant::now();
        window.limit.decide(&seen, is_busy, &self.settings);
        self.limit.store(window.limit.calls, Ordering::Relaxed);
        let longest = Duration::from_millis(self.settings.longest_wait_millis);
        // A refusal costs less than a slow call, but not much less than a quick one.
        let wait = match seen.mean() {
            quick if quick < longest / QUICK => longest,
            mean => mean.min(longest),
        };
        self.longest_wait
            .store(wait.as_micros() as u64, Ordering::Relaxed);
    }
}

/// A connection's turn to be read on, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    load: Weak<Load>,
    calls: usize,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(load) = self.load.upgrade() {
            load.expected.fetch_sub(self.calls, Ordering::Relaxed);
            load.pass_on();
        }
    }
}
