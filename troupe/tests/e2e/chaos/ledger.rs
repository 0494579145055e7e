//! What was acknowledged, what was killed, and what is wrong with what is left.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;

use crate::platform::eventually;

/// The account of a run.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    acknowledged: watch::Sender<usize>,
    kills: Mutex<Vec<Kill>>,
    faults: Mutex<Vec<String>>,
    /// Lines for the end, such as counts of events.
    totals: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Kill {
    victim: &'static str,
    at: Duration,
    recovered_after: Duration,
}

impl Ledger {
    /// Counts a write that was acknowledged.
    pub(super) fn acknowledge(&self) {
        self.acknowledged.send_modify(|count| *count += 1);
    }

    /// How many writes were acknowledged so far.
    pub(super) fn acknowledged(&self) -> usize {
        *self.acknowledged.borrow()
    }

    /// Waits until more writes than these were acknowledged.
    pub(super) async fn more_than(&self, count: usize) {
        let mut acknowledged = self.acknowledged.subscribe();
        let more = acknowledged.wait_for(|now| *now > count);
        drop(eventually("people can write again", more).await.unwrap());
    }

    pub(super) fn note_kill(&self, victim: &'static str, at: Duration, recovered_after: Duration) {
        let kill = Kill {
            victim,
            at,
            recovered_after,
        };
        self.kills.lock().unwrap().push(kill);
    }

    /// Notes something that should not be.
    pub(super) fn fault(&self, fault: String) {
        self.faults.lock().unwrap().push(fault);
    }

    pub(super) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }

    /// Notes a line for the end.
    pub(super) fn total(&self, line: String) {
        self.totals.lock().unwrap().push(line);
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills = self.kills.lock().unwrap();
        for (number, kill) in kills.iter().enumerate() {
            let (at, after) = (kill.at.as_secs_f64(), kill.recovered_after.as_secs_f64());
            writeln!(
                f,
                "kill {:3}  {:12} at {at:6.1} s, a write acknowledged {after:5.2} s after its start",
                number + 1,
                kill.victim
            )?;
        }
        let slowest = kills
            .iter()
            .map(|kill| kill.recovered_after)
            .max()
            .unwrap_or_default();
        writeln!(
            f,
            "kills {}, slowest recovery {:.2} s",
            kills.len(),
            slowest.as_secs_f64()
        )?;
        writeln!(f, "writes acknowledged {}", self.acknowledged())?;
        for line in self.totals.lock().unwrap().iter() {
            writeln!(f, "{line}")?;
        }
        let faults = self.faults.lock().unwrap();
        writeln!(f, "faults {}", faults.len())?;
        faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}
