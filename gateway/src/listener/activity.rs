//! Whether a connection is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http_body::Body as _;
use tokio::time::Instant;
use tonic::body::Body;

use crate::attached::attached;

/// Counts the requests that run on a connection.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<State>);

#[derive(Debug)]
struct State {
    opened: Instant,
    running: AtomicUsize,
    was_used: AtomicBool,
    /// When the last request ended, in milliseconds after the connection was opened.
    last_end: AtomicU64,
}

/// A request that runs; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Running(Arc<State>);

impl Activity {
    /// A connection that was opened now.
    pub(super) fn new() -> Self {
        let (running, last_end) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self(Arc::new(State {
            opened: Instant::now(),
            running,
            was_used: AtomicBool::new(false),
            last_end,
        }))
    }

    /// Counts a request.
    pub(super) fn begin(&self) -> Running {
        self.0.was_used.store(true, Ordering::Release);
        self.0.running.fetch_add(1, Ordering::AcqRel);
        Running(self.0.clone())
    }

    /// Whether a request runs.
    pub(super) fn is_running(&self) -> bool {
        self.0.running.load(Ordering::Acquire) > 0
    }

    /// Completes where no request has begun `limit` after the connection was opened, and otherwise never.
    pub(super) async fn unused_for(&self, limit: Duration) {
        tokio::time::sleep_until(self.0.opened + limit).await;
        if self.0.was_used.load(Ordering::Acquire) {
            std::future::pending().await
        }
    }

    /// Completes once no request has run for `limit`.
    pub(super) async fn idle_for(&self, limit: Duration) {
        loop {
            let last_end = Duration::from_millis(self.0.last_end.load(Ordering::Acquire));
            let busy = self.is_running();
            let since = if busy {
                Instant::now()
            } else {
                self.0.opened + last_end
            };
            if since.elapsed() >= limit {
                return;
            }
            tokio::time::sleep_until(since + limit).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let millis = self.0.opened.elapsed().as_millis() as u64;
        self.0.last_end.fetch_max(millis, Ordering::AcqRel);
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Running {
    /// Lets the request run until a body that is still being made was sent. One whose size is known is done already.
    pub(super) fn hold(self, body: Body) -> Body {
        match body.size_hint().exact() {
            Some(_) => body,
            None => attached(body, self),
        }
    }
}
