//! Time, injected. Nothing else in the workspace asks the system what time it is.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// An instant in microseconds since 1970-01-01 UTC. Stored as a 64-bit integer, so that it sorts and compares alike
/// in every database.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "sea-orm", derive(sea_orm::DeriveValueType))]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant so many microseconds after 1970-01-01 UTC.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01 UTC.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01 UTC, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long ago `earlier` was; zero if it wasn't.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }
}

impl From<Timestamp> for prost_types::Timestamp {
    fn from(t: Timestamp) -> Self {
        let nanos = t.0.rem_euclid(1_000_000) * 1000;
        Self {
            seconds: t.secs(),
            nanos: i32::try_from(nanos).unwrap_or(0),
        }
    }
}

/// Tells the time: the system's, or in tests one that stands still until it is moved.
#[derive(Clone)]
pub struct Clock(Arc<dyn Source>);

trait Source: Send + Sync {
    fn now(&self) -> Timestamp;
    fn reached(&self, time: Timestamp) -> BoxFuture<'_, ()>;
}

struct System;

impl Source for System {
    fn now(&self) -> Timestamp {
        let since = wall_time().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(micros(since))
    }

    fn reached(&self, time: Timestamp) -> BoxFuture<'_, ()> {
        tokio::time::sleep(time.since(self.now())).boxed()
    }
}

/// The system's time, for what tells of it to others and decides nothing by it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that asks the system"
)]
pub(crate) fn wall_time() -> SystemTime {
    SystemTime::now()
}

impl Source for watch::Sender<Timestamp> {
    fn now(&self) -> Timestamp {
        *self.borrow()
    }

    fn reached(&self, time: Timestamp) -> BoxFuture<'_, ()> {
        let mut moves = self.subscribe();
        async move {
            // An error would mean that the clock is gone, which is borrowed here.
            let _ = moves.wait_for(|now| *now >= time).await;
        }
        .boxed()
    }
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Arc::new(System))
    }

    /// A clock that stands at `start` until its [`FakeTime`] moves it.
    pub fn fake(start: Timestamp) -> (Self, FakeTime) {
        let time = Arc::new(watch::Sender::new(start));
        (Self(time.clone()), FakeTime(time))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// Waits for a time. The system's clock may be set meanwhile: who has to be sure asks it afterwards.
    pub async fn reached(&self, time: Timestamp) {
        self.0.reached(time).await;
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now().0)
    }
}

/// Moves a fake clock.
#[derive(Debug, Clone)]
pub struct FakeTime(Arc<watch::Sender<Timestamp>>);

impl FakeTime {
    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        self.0.send_modify(|now| *now = *now + duration);
    }

    /// Sets the clock back, as whoever corrects one does.
    pub fn set_back(&self, duration: Duration) {
        self.0.send_modify(|now| *now = *now - duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_time_is_reached_when_a_fake_clock_is_moved_there() {
        let (clock, time) = Clock::fake(Timestamp::default());
        let end = Timestamp::default() + Duration::from_hours(24);
        let mut reached = Box::pin(clock.reached(end));
        assert!(reached.as_mut().now_or_never().is_none());
        time.advance(Duration::from_hours(24) - Duration::from_micros(1));
        assert!(reached.as_mut().now_or_never().is_none());
        time.advance(Duration::from_micros(1));
        reached.await;
        clock.reached(Timestamp::default()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_system_s_clock_waits_as_long_as_it_takes() {
        let (clock, began) = (Clock::system(), tokio::time::Instant::now());
        clock.reached(clock.now() + Duration::from_hours(1)).await;
        assert!(began.elapsed() > Duration::from_mins(59));
        clock.reached(clock.now() - Duration::from_hours(1)).await;
    }
}
