//! The generations that run in this process: what watchers see of them, and how they are cancelled.
//!
//! A watcher reads the text out of the shared state whenever it changed, from where it stopped before. So it sees each
//! byte once, and a slow one holds up nobody: it only finds more text when it comes back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::domain::ids::GenerationId;

/// The running generations. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live(Arc<Mutex<HashMap<GenerationId, Watched>>>);

/// What watchers see of a running generation.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// What was generated so far and is stored.
    pub(crate) text: String,
    /// True once the end is stored too.
    pub(crate) ended: bool,
}

/// A running generation as others see it.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    /// Changes when text is added, and at the end.
    pub(crate) progress: watch::Receiver<Progress>,
    /// Asks the job to end.
    pub(crate) cancel: CancellationToken,
}

/// A running generation as its job holds it. Dropping it ends the watching.
#[derive(Debug)]
pub(crate) struct Job {
    live: Live,
    id: GenerationId,
    progress: watch::Sender<Progress>,
    cancel: CancellationToken,
}

impl Live {
    /// Announces a generation. Do this before others can find its row, so that nobody takes it for a lost one.
    pub(crate) fn announce(&self, id: GenerationId) -> Job {
        let (progress, receiver) = watch::channel(Progress::default());
        let cancel = CancellationToken::new();
        let watched = Watched {
            progress: receiver,
            cancel: cancel.clone(),
        };
        self.lock().insert(id, watched);
        Job {
            live: self.clone(),
            id,
            progress,
            cancel,
        }
    }

    /// A generation that runs here.
    pub(crate) fn find(&self, id: GenerationId) -> Option<Watched> {
        self.lock().get(&id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GenerationId, Watched>> {
        // The map is whole between calls, whatever happened to a thread that held it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// Shows text that is stored.
    pub(crate) fn publish(&self, text: &str) {
        self.progress
            .send_modify(|progress| progress.text.push_str(text));
    }

    /// Completes when somebody cancels.
    pub(crate) async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// The text so far.
    pub(crate) fn text(&self) -> String {
        self.progress.borrow().text.clone()
    }

    /// Bytes of the text so far.
    pub(crate) fn offset(&self) -> usize {
        self.progress.borrow().text.len()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.live.lock().remove(&self.id);
        self.progress.send_modify(|progress| progress.ended = true);
    }
}

impl Watched {
    /// Waits for the end.
    pub(crate) async fn ended(mut self) {
        // An error means that the job is gone, which is an end as well.
        let _ = self.progress.wait_for(|progress| progress.ended).await;
    }
}
