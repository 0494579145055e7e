//! Start and stop: tasks that shutdown waits for, and the signals that ask for it.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// The running tasks of a process or of a part of it, and the token that asks them to end.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
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

    /// Asks every task to end, and waits for them for at most `grace`. False if some didn't.
    pub async fn shut_down(&self, grace: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait())
            .await
            .is_ok()
    }
}

/// The signals that ask a process to stop. From [`Signals::listen`] on none is lost, and none kills the process.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to listen. Do this before anybody is told that the process is there.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Completes at the first SIGTERM or SIGINT, and asks all tasks to end. A second signal ends the process at once, with
    /// status 130.
    pub async fn stop(mut self, tasks: &Tasks) {
        self.next().await;
        tasks.token.cancel();
        // Not tracked: it must not hold up the shutdown that it may cut short.
        let _impatient = TaskTracker::new().spawn(async move {
            self.next().await;
            std::process::exit(130);
        });
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
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
    async fn shutdown_gives_up_on_a_task_that_does_not_end() {
        let tasks = Tasks::new();
        let _stuck = tasks.spawn(std::future::pending::<()>());
        assert!(!tasks.shut_down(Duration::from_secs(30)).await);
    }
}
