//! What was acknowledged, what was killed, and what is wrong with what is left.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::platform::eventually;

/// The account of a run.
#[derive(Debug)]
pub(super) struct Ledger {
    /// How many writes of each writer were acknowledged.
    acknowledged: watch::Sender<Vec<usize>>,
    blows: Mutex<Vec<Struck>>,
    faults: Mutex<Vec<String>>,
    /// Events that had their effect.
    events: AtomicUsize,
}

#[derive(Debug)]
struct Struck {
    what: String,
    at: Duration,
    recovered_after: Duration,
}

impl Ledger {
    /// An empty one for so many writers.
    pub(super) fn new(writers: usize) -> Self {
        Self {
            acknowledged: watch::Sender::new(vec![0; writers]),
            blows: Mutex::default(),
            faults: Mutex::default(),
            events: AtomicUsize::new(0),
        }
    }

    /// Counts a write of a writer that was acknowledged.
    pub(super) fn acknowledge(&self, writer: usize) {
        self.acknowledged.send_modify(|counts| counts[writer] += 1);
    }

    /// How many writes of each writer were acknowledged so far.
    pub(super) fn acknowledged(&self) -> Vec<usize> {
        self.acknowledged.borrow().clone()
    }

    /// Waits until every writer had more writes acknowledged than then.
    pub(super) async fn everybody_after(&self, then: &[usize]) {
        let mut acknowledged = self.acknowledged.subscribe();
        let more = acknowledged.wait_for(|now| now.iter().zip(then).all(|(now, then)| now > then));
        drop(eventually("everybody can write again", more).await.unwrap());
    }

    pub(super) fn note_blow(&self, what: String, at: Duration, recovered_after: Duration) {
        let blow = Struck {
            what,
            at,
            recovered_after,
        };
        self.blows.lock().unwrap().push(blow);
    }

    /// Notes something that should not be.
    pub(super) fn fault(&self, fault: String) {
        self.faults.lock().unwrap().push(fault);
    }

    pub(super) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }

    /// Counts events that had their effect.
    pub(super) fn count_events(&self, count: usize) {
        self.events.fetch_add(count, Ordering::Relaxed);
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blows = self.blows.lock().unwrap();
        for (number, blow) in blows.iter().enumerate() {
            let (at, after) = (blow.at.as_secs_f64(), blow.recovered_after.as_secs_f64());
            writeln!(
                f,
                "{:3}  {:22} at {at:6.1} s, everybody had a write acknowledged {after:5.2} s after it was back",
                number + 1,
                blow.what
            )?;
        }
        let recoveries = blows.iter().map(|blow| blow.recovered_after);
        let slowest = recoveries.max().unwrap_or_default().as_secs_f64();
        writeln!(f, "{} blows, slowest recovery {slowest:.2} s", blows.len())?;
        let acknowledged: usize = self.acknowledged().iter().sum();
        writeln!(f, "writes acknowledged {acknowledged}")?;
        writeln!(
            f,
            "events with their effect {}",
            self.events.load(Ordering::Relaxed)
        )?;
        let faults = self.faults.lock().unwrap();
        writeln!(f, "faults {}", faults.len())?;
        faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}
