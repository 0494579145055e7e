//! Whether the servers answer that a process can't do without. Asked for readiness, which never waits: each is probed every
//! second.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch::{self, Receiver, Sender};

use crate::Tasks;

const PAUSE: Duration = Duration::from_secs(1);

/// What the process stands on. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Vec<Receiver<Option<String>>>>>);

impl Health {
    /// Probes a server from now on until shutdown. The error of a probe says for people what is missing.
    pub fn watch<P, F>(&self, tasks: &Tasks, probe: P)
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send,
    {
        let sender = self.report();
        let token = tasks.token().clone();
        let probing = async move {
            loop {
                sender.send_replace(probe().await.err());
                tokio::time::sleep(PAUSE).await;
            }
        };
        tasks.spawn(token.run_until_cancelled_owned(probing));
    }

    /// Takes what somebody reports of something that the process can't do without: what is missing, or nothing.
    pub fn report(&self) -> Sender<Option<String>> {
        let (sender, state) = watch::channel(None);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(state);
        sender
    }

    /// What is missing, if something is.
    pub fn problem(&self) -> Option<String> {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.iter().find_map(|state| state.borrow().clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn says_what_is_missing_as_long_as_it_is() {
        let (health, tasks) = (Health::default(), Tasks::new());
        let is_up = Arc::new(AtomicBool::new(true));
        let probed = Arc::clone(&is_up);
        health.watch(&tasks, move || {
            let answer = match probed.load(Ordering::SeqCst) {
                true => Ok(()),
                false => Err("the lamp is out".to_owned()),
            };
            async { answer }
        });
        for (up, problem) in [(false, Some("the lamp is out")), (true, None)] {
            is_up.store(up, Ordering::SeqCst);
            tokio::time::sleep(2 * PAUSE).await;
            assert_eq!(health.problem().as_deref(), problem);
        }
    }
}
