//! Clients that speak TLS to this port, which is one of plain HTTP. Each only learns that its handshake fails, so that the log
//! says it, now and then.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Between two lines of the log.
const EVERY: Duration = Duration::from_secs(60);

/// When the log last said so.
#[derive(Debug, Default)]
pub(super) struct Foreign(Mutex<Option<Instant>>);

impl Foreign {
    /// Logs that a client speaks TLS, unless that was logged a moment ago.
    pub(super) fn tell(&self) {
        if self.is_due() {
            tracing::warn!(
                "a client speaks TLS (https://) to this port, which is plain HTTP: it is to use http://, or start the \
                 platform with `troupe up --tls`, or let a proxy before the gateway end TLS"
            );
        }
    }

    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= EVERY);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tells_once_a_minute() {
        let foreign = Foreign::default();
        assert!(foreign.is_due() && !foreign.is_due());
        tokio::time::advance(EVERY).await;
        assert!(foreign.is_due() && !foreign.is_due());
    }
}
