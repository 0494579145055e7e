//! Whether the process has as much to do as it can: it uses the processors that it has, or its tasks wait for their turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Overload;

/// How often the process is looked at.
const EVERY: Duration = Duration::from_millis(100);
/// How late a task may run on the average before the process counts as busy.
const LATE: Duration = Duration::from_millis(5);
/// What Linux counts processor time in, in `/proc`.
const TICK: Duration = Duration::from_millis(10);

/// Shared by all who ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Busy(Arc<AtomicBool>);

impl Busy {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Looks at the process for as long as it is polled.
pub(crate) async fn watch(gate: &super::Gate) {
    let (busy, settings) = gate.busy();
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u32;
    let mut meter = Meter {
        used: used(),
        at: Instant::now(),
        late: Duration::ZERO,
    };
    loop {
        let due = Instant::now() + EVERY;
        tokio::time::sleep_until(due).await;
        tokio::task::yield_now().await;
        let state = meter.is_busy(due.elapsed(), cores, settings);
        busy.0.store(state, Ordering::Relaxed);
        gate.tell();
    }
}

struct Meter {
    used: Option<Duration>,
    at: Instant,
    late: Duration,
}

impl Meter {
    fn is_busy(&mut self, late: Duration, cores: u32, settings: &Overload) -> bool {
        // Half of what was, so that one that is late by chance tells nothing.
        self.late = (self.late + late) / 2;
        let (now, used) = (Instant::now(), used());
        let spent = used
            .zip(self.used)
            .map(|(used, before)| used.saturating_sub(before));
        let had = (now - self.at) * cores;
        (self.used, self.at) = (used, now);
        let share = spent.map_or(0.0, |spent| spent.as_secs_f64() / had.as_secs_f64());
        share * 100.0 >= f64::from(settings.busy_percent) || self.late >= LATE
    }
}

/// The processor time that the process has used, where the system tells.
fn used() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}
