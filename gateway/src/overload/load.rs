//! The calls of one method that are under way, and the connections that wait for one to end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::limit::{Limit, Seen};
use super::pace::{Held, Pace};
use crate::config::Overload;

/// How often a limit is decided about.
const WINDOW: Duration = Duration::from_millis(50);
/// Calls that a decision needs, unless it has waited for long.
const ENOUGH: usize = 8;
const LONG: Duration = Duration::from_millis(500);

/// The load that a method is under.
#[derive(Debug)]
pub(crate) struct Load {
    running: AtomicUsize,
    limit: AtomicUsize,
    window: Mutex<Window>,
    held: Mutex<Held>,
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
            limit: AtomicUsize::new(limit.calls),
            window: Mutex::new(window),
            held: Mutex::default(),
            settings: settings.clone(),
        })
    }

    /// Counts a call; gives how many run now, and how many may.
    pub(super) fn enter(&self) -> (usize, usize) {
        let running = self.running.fetch_add(1, Ordering::AcqRel) + 1;
        (running, self.limit.load(Ordering::Relaxed))
    }

    /// Takes a call off again. A connection that was refused is read on where there is room for what it asks.
    pub(super) fn leave(&self) {
        let running = self.running.fetch_sub(1, Ordering::AcqRel) - 1;
        let limit = self.limit.load(Ordering::Relaxed);
        // Not as soon as one is free: most who were answered ask again at once, and would meet those who were let go.
        if running * 4 < limit * 3 {
            self.let_one_go(running * 2 >= limit);
        }
    }

    /// Lets the connection be read on that was refused last, but only one that can't have waited for long if `young`.
    fn let_one_go(&self, young: bool) {
        let longest = Duration::from_millis(self.settings.longest_wait_millis);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = held.take(young.then_some(longest));
        drop(held);
        if let Some(pace) = pace {
            pace.let_go();
        }
    }

    /// Whether what has waited for long is refused rather than let in.
    pub(super) fn is_crowded(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        self.running.load(Ordering::Relaxed) * 2 > limit
    }

    /// Keeps a connection that isn't read for a while.
    pub(super) fn hold(self: &Arc<Self>, pace: &Arc<Pace>) {
        let time = Duration::from_millis(self.settings.hold_millis);
        if pace.hold(time, self) {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.put(pace);
        }
    }

    /// A connection that was let go asks for nothing: another may.
    pub(super) fn pass_on(&self) {
        let limit = self.limit.load(Ordering::Relaxed);
        let running = self.running.load(Ordering::Relaxed);
        if running * 4 < limit * 3 {
            self.let_one_go(running * 2 >= limit);
        }
    }

    /// Notes a call that ended.
    pub(super) fn note(&self, took: Duration, pushed_back: bool, is_busy: bool) {
        let running = self.running.load(Ordering::Relaxed);
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
    }
}
