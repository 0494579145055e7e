//! Queue timeouts: how long a piece of work waits for what others use. A call whose caller waits gives up soon, so that the
//! caller hears within moments of the overload; work that nobody waits for takes its turn.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

tokio::task_local! {
    static IN_CALL: ();
}

/// How long a call waits for its turn where many have waited for some time.
const OF_CALLS: Duration = Duration::from_millis(250);
/// How long one waits where nobody had to until just now, such as behind a disk that was slow once. What has lasted for longer
/// is overload.
const OF_CALLS_AT_FIRST: Duration = Duration::from_secs(1);
/// How long work waits that was begun without anybody to wait for it.
const OF_WORK: Duration = Duration::from_secs(10);

/// Runs a call, which waits no longer for each thing than calls do. Tasks that it spawns are work.
pub fn of_call<F: Future>(call: F) -> impl Future<Output = F::Output> {
    IN_CALL.scope((), call)
}

fn is_call() -> bool {
    IN_CALL.try_with(|()| ()).is_ok()
}

/// Turns at something that only so many can use at a time, in the order in which they ask.
///
/// The bound on the wait is short only where somebody has been waiting all the time (the controlled delay of B. Maurer, "Fail at
/// Scale", ACM Queue 13, 2015), so that a moment's stop refuses nobody.
#[derive(Debug)]
pub struct Turns {
    places: Arc<Semaphore>,
    begun: Instant,
    /// When somebody last had no need to wait, in milliseconds.
    free_at: AtomicU64,
}

/// The turn didn't come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all places were in use for too long")]
pub struct TooLate;

impl Turns {
    /// Turns at so many places, at least one.
    pub fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places.max(1))),
            begun: Instant::now(),
            free_at: AtomicU64::new(0),
        }
    }

    /// Waits for a turn, which lasts until what is given is dropped.
    ///
    /// # Errors
    ///
    /// [`TooLate`], where it took longer than the running piece of work waits.
    pub async fn next(&self) -> Result<OwnedSemaphorePermit, TooLate> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            self.free_at.store(self.millis(), Ordering::Relaxed);
            return Ok(place);
        }
        let place = Arc::clone(&self.places).acquire_owned();
        match tokio::time::timeout(self.patience(), place).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(TooLate),
        }
    }

    /// How long the running piece of work waits for its turn now.
    pub fn patience(&self) -> Duration {
        let free_at = Duration::from_millis(self.free_at.load(Ordering::Relaxed));
        let is_standing = self.begun.elapsed() >= free_at + OF_CALLS_AT_FIRST;
        match is_call() {
            true if is_standing => OF_CALLS,
            true => OF_CALLS_AT_FIRST,
            false => OF_WORK,
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A_MOMENT: Duration = Duration::from_millis(600);

    #[tokio::test]
    async fn what_a_call_spawns_is_patient() {
        let turns = Turns::new(1);
        assert_eq!(turns.patience(), OF_WORK);
        let spawned = of_call(async {
            assert!(turns.patience() < OF_WORK);
            crate::Tasks::new()
                .spawn(async { is_call() })
                .await
                .unwrap()
        });
        assert!(!spawned.await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_s_stop_refuses_nobody_and_a_queue_that_lasts_does() {
        let turns = Turns::new(1);
        for _ in 0..3 {
            let held = turns.next().await.unwrap();
            let stop = async {
                tokio::time::sleep(A_MOMENT).await;
                drop(held);
            };
            assert!(tokio::join!(of_call(turns.next()), stop).0.is_ok());
        }
        // From now on somebody waits all the time.
        let _held = turns.next().await.unwrap();
        assert!(of_call(turns.next()).await.is_err());
        let since = Instant::now();
        assert!(of_call(turns.next()).await.is_err());
        assert!(since.elapsed() < A_MOMENT);
    }
}
