//! How long a piece of work waits for what others use. A call whose caller waits for it gives up soon, so that a caller
//! hears within moments that there is too much to do; work that nobody waits for takes its turn.

use std::future::Future;
use std::time::Duration;

tokio::task_local! {
    static PATIENCE: Duration;
}

/// How long a call waits for its turn.
pub const OF_CALLS: Duration = Duration::from_millis(250);
/// How long work waits that was begun without anybody to wait for it.
const OF_WORK: Duration = Duration::from_secs(10);

/// Runs a call, which waits no longer than [`OF_CALLS`] for each thing. Tasks that it spawns are work.
pub async fn of_call<T>(call: impl Future<Output = T>) -> T {
    PATIENCE.scope(OF_CALLS, call).await
}

/// How long the running piece of work waits for its turn.
pub fn now() -> Duration {
    PATIENCE.try_with(|patience| *patience).unwrap_or(OF_WORK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_call_spawns_is_patient() {
        assert_eq!(now(), OF_WORK);
        let spawned = of_call(async {
            assert_eq!(now(), OF_CALLS);
            crate::Tasks::new().spawn(async { now() }).await.unwrap()
        });
        assert_eq!(spawned.await, OF_WORK);
    }
}
