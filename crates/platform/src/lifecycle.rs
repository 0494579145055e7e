//! Start and graceful shutdown: tasks that shutdown waits for, and the signals that ask for it.
//!
//! A process that is asked to stop by SIGTERM leaves before it ends: for a while it says everywhere that it goes, and does
//! its work as before, so that those who send it requests can go elsewhere and none of them is lost.

use std::future::Future;
use std::io;
use std::time::Duration;

use serde::Deserialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::config;

/// How a process stops.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// Time between SIGTERM and the end of accepting; at most 600.
    pub notice_secs: u64,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { notice_secs: 5 }
    }
}

impl Shutdown {
    const MOST_NOTICE_SECS: u64 = 600;

    /// Checks what types can't say.
    ///
    /// # Errors
    /// The time is so long that it can only be a mistake.
    pub fn validate(&self) -> Result<(), config::Error> {
        if self.notice_secs <= Self::MOST_NOTICE_SECS {
            return Ok(());
        }
        let problem = format!(
            "must be at most {}: for this time a process still accepts requests after SIGTERM",
            Self::MOST_NOTICE_SECS
        );
        let key = "shutdown.notice_secs";
        Err(config::Error::Invalid { key, problem })
    }

    /// The time between SIGTERM and the end of accepting.
    pub fn notice(&self) -> Duration {
        Duration::from_secs(self.notice_secs)
    }
}

/// The running tasks of a process or of a part of it, and the token that asks them to end.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
    leaving: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a task that shutdown waits for. It should watch [`Tasks::stopping`]. What it logs belongs to the call that it is
    /// spawned in, if there is one.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(task.in_current_span())
    }

    /// Runs blocking work on the pool for it; shutdown waits for it too.
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.tracker.spawn_blocking(work)
    }

    /// Completes when shutdown begins.
    pub async fn stopping(&self) {
        self.token.cancelled().await;
    }

    /// The token that shutdown cancels.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// The token that is cancelled some time before that, where the process says first that it goes.
    pub fn leaving(&self) -> &CancellationToken {
        &self.leaving
    }

    /// Whether shutdown began, or is near: the process should be sent nothing more.
    pub fn is_going(&self) -> bool {
        self.leaving.is_cancelled() || self.token.is_cancelled()
    }

    /// Asks every task to end, and waits for them for at most `grace`. False if some didn't.
    pub async fn shut_down(&self, grace: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait())
            .await
            .is_ok()
    }
}

/// The signals that ask a process to stop. From [`Signals::listen`] on none is lost, and none kills the process; nor does the one
/// for a file that is as large as the process may write: that write fails instead.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    _file_too_large: Signal,
}

/// SIGXFSZ, the same on every system that has it.
const FILE_TOO_LARGE: i32 = 25;

impl Signals {
    /// Begins to listen. Do this before anybody is told that the process is there.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _file_too_large: signal(SignalKind::from_raw(FILE_TOO_LARGE))?,
        })
    }

    /// Completes at the first SIGTERM or SIGINT. A second signal ends the process at once, with status 130.
    pub async fn asked(mut self) -> Asked {
        let asked = self.next().await;
        // Not tracked: it must not hold up the shutdown that it may cut short.
        let _impatient = TaskTracker::new().spawn(async move {
            self.next().await;
            std::process::exit(130);
        });
        asked
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::ToTerminate,
            _ = self.interrupt.recv() => Asked::ToInterrupt,
        }
    }
}

/// How a process was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// By an orchestrator, whose load balancer may send requests for some more seconds: SIGTERM.
    ToTerminate,
    /// By somebody at a terminal, who waits: SIGINT.
    ToInterrupt,
}

impl Asked {
    /// Says for the time of `notice` that the process goes, unless somebody waits for its end; then asks all tasks to end.
    pub async fn leave(self, tasks: &Tasks, notice: Duration) {
        if self == Self::ToTerminate && !notice.is_zero() {
            tracing::info!(
                notice_secs = notice.as_secs(),
                "leaving: requests are accepted for a few more seconds"
            );
            tasks.leaving.cancel();
            tokio::time::sleep(notice).await;
        }
        tasks.token.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shutdown_waits_for_tasks_that_watch_the_token() {
        let tasks = Tasks::new();
        let watcher = tasks.clone();
        let done = tasks.spawn(async move {
            watcher.stopping().await;
            7
        });
        assert!(tasks.shut_down(Duration::from_secs(30)).await);
        assert_eq!(done.await.unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn sigterm_leaves_before_it_ends_and_ctrl_c_ends_at_once() {
        for (asked, notice, leaves) in [
            (Asked::ToTerminate, 5, true),
            (Asked::ToTerminate, 0, false),
            (Asked::ToInterrupt, 5, false),
        ] {
            let tasks = Tasks::new();
            let leaving = asked.leave(&tasks, Duration::from_secs(notice));
            let mut leaving = std::pin::pin!(leaving);
            let is_over = tokio::select! {
                biased;
                () = &mut leaving => true,
                () = tokio::task::yield_now() => false,
            };
            assert_eq!(is_over, !leaves, "{asked:?} {notice}");
            assert_eq!(tasks.leaving().is_cancelled(), leaves);
            assert!(tasks.is_going());
            if leaves {
                assert!(!tasks.token().is_cancelled());
                leaving.await;
            }
            assert!(tasks.token().is_cancelled());
        }
    }

    #[tokio::test]
    async fn a_notice_that_can_only_be_a_mistake_is_refused() {
        let shutdown = |notice_secs| Shutdown { notice_secs };
        assert!(shutdown(600).validate().is_ok());
        let error = shutdown(601).validate().unwrap_err().to_string();
        assert!(error.contains("shutdown.notice_secs"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_gives_up_on_a_task_that_does_not_end() {
        let tasks = Tasks::new();
        let _stuck = tasks.spawn(std::future::pending::<()>());
        assert!(!tasks.shut_down(Duration::from_secs(30)).await);
    }
}
