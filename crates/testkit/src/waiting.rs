//! Waiting for what must happen, however slow the machine is.

use std::future::Future;
use std::time::Duration;

/// Nothing that is waited for takes this long, unless it never happens.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for something that happens, which `what` says for people; panics if it never does.
#[expect(clippy::panic, reason = "a test says so by failing")]
pub async fn eventually<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("it never happened: {what}"),
    }
}
