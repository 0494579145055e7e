//! The people who come by: as many as the platform bears, or so many a second.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::caller::{Caller, Fault};
use super::visit::{Guest, Visit};
use crate::platform::Platform;

/// Visits at a time while the capacity is looked for, which is more than two cores are busy with.
const CROWD: usize = 16;
/// Visits at a time at a rate. Those beyond don't come, and are counted.
const MOST_AT_A_TIME: usize = 64;
/// No visit takes longer.
const PATIENCE: Duration = Duration::from_secs(120);
/// Until somebody who was refused comes again.
const PAUSE: Duration = Duration::from_millis(200);
/// How often somebody comes who was never there: each so many-th visit.
const NEW: u64 = 10;
/// Problems that are kept to be shown.
const SHOWN: usize = 5;

/// All people, between their visits.
pub(super) struct Crowd {
    caller: Caller,
    grpc: mesh::Channel,
    waiting: Mutex<VecDeque<Guest>>,
    next: AtomicU64,
    tally: Mutex<Tally>,
}

/// How visits ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Those that were made to their end.
    pub(super) visits: u64,
    pub(super) failed: u64,
    pub(super) refused: u64,
    /// Those that weren't begun, since too many were there.
    pub(super) skipped: u64,
    problems: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            visits,
            failed,
            refused,
            skipped,
            problems,
        } = self;
        write!(
            f,
            "{visits} visits, {failed} failed, {refused} refused for load, {skipped} not begun"
        )?;
        for problem in problems {
            write!(f, "\n    {problem}")?;
        }
        Ok(())
    }
}

impl Crowd {
    pub(super) fn new(platform: &Platform) -> Self {
        Self {
            caller: Caller::new(platform.url()),
            grpc: wire::remote("gateway", platform.url().parse().unwrap()),
            waiting: Mutex::default(),
            next: AtomicU64::new(0),
            tally: Mutex::default(),
        }
    }

    /// Visits a second when one follows the other without a pause, in the second half of a time.
    pub(super) async fn find_capacity(self: &Arc<Self>, time: Duration) -> f64 {
        let begun = Instant::now();
        let mut visitors = JoinSet::new();
        for _ in 0..CROWD {
            let crowd = Arc::clone(self);
            visitors.spawn(async move {
                while begun.elapsed() < time {
                    crowd.visit().await;
                }
            });
        }
        tokio::time::sleep(time / 2).await;
        let (at, before) = (Instant::now(), self.tally().visits);
        visitors.join_all().await;
        (self.tally().visits - before) as f64 / at.elapsed().as_secs_f64()
    }

    /// Has somebody come by so many times a second for a time, and waits until all have left.
    pub(super) async fn visit_at(self: &Arc<Self>, per_sec: f64, time: Duration) {
        let begun = Instant::now();
        let mut arrivals = tokio::time::interval(Duration::from_secs_f64(1.0 / per_sec));
        arrivals.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut visitors = JoinSet::new();
        while begun.elapsed() < time {
            arrivals.tick().await;
            while visitors.try_join_next().is_some() {}
            if visitors.len() >= MOST_AT_A_TIME {
                self.count(|tally| tally.skipped += 1);
                continue;
            }
            let crowd = Arc::clone(self);
            visitors.spawn(async move { crowd.visit().await });
        }
        visitors.join_all().await;
    }

    async fn visit(&self) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let guest = match number % NEW {
            0 => None,
            _ => self.waiting.lock().unwrap().pop_front(),
        };
        let visit = Visit {
            caller: &self.caller,
            grpc: self.grpc.clone(),
            number,
        };
        let ended = tokio::time::timeout(PATIENCE, visit.run(guest)).await;
        let problem = match ended {
            Ok(Ok(guest)) => {
                self.waiting.lock().unwrap().push_back(guest);
                return self.count(|tally| tally.visits += 1);
            }
            Ok(Err(Fault::Refused)) => {
                self.count(|tally| tally.refused += 1);
                return tokio::time::sleep(PAUSE).await;
            }
            Ok(Err(Fault::Failed(problem))) => problem,
            Err(_) => format!("a visit took over {} s", PATIENCE.as_secs()),
        };
        self.count(|tally| {
            tally.failed += 1;
            if tally.problems.len() < SHOWN {
                tally.problems.push(problem);
            }
        });
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }

    /// Begins to count anew.
    pub(super) fn forget_counts(&self) {
        *self.tally.lock().unwrap() = Tally::default();
    }

    fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap());
    }
}
