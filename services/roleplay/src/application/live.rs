//! The generations that run in this process: what watchers see of them, and how they are cancelled or taken away.
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
pub(crate) struct Live(Arc<Mutex<HashMap<GenerationId, Entry>>>);

#[derive(Debug)]
struct Entry {
    watched: Watched,
    /// Whether its row is stored.
    is_stored: bool,
    lost: CancellationToken,
}

/// What watchers see of a running generation.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// What was generated so far and is stored.
    pub(crate) text: String,
    /// True once the end is stored too.
    pub(crate) ended: bool,
    /// What keeps more of it from being stored now, for people.
    pub(crate) trouble: Option<String>,
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
    lost: CancellationToken,
}

impl Live {
    /// Announces a generation. Do this before others can find its row, so that nobody takes it for a lost one.
    pub(crate) fn announce(&self, id: GenerationId) -> Job {
        let (progress, receiver) = watch::channel(Progress::default());
        let (cancel, lost) = (CancellationToken::new(), CancellationToken::new());
        let watched = Watched {
            progress: receiver,
            cancel: cancel.clone(),
        };
        let entry = Entry {
            watched,
            is_stored: false,
            lost: lost.clone(),
        };
        self.lock().insert(id, entry);
        Job {
            live: self.clone(),
            id,
            progress,
            cancel,
            lost,
        }
    }

    /// A generation that runs here.
    pub(crate) fn find(&self, id: GenerationId) -> Option<Watched> {
        self.lock().get(&id).map(|entry| entry.watched.clone())
    }

    /// Whether none runs here.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Those whose rows are stored.
    pub(crate) fn stored(&self) -> Vec<GenerationId> {
        let live = self.lock();
        let stored = live.iter().filter(|(_, entry)| entry.is_stored);
        stored.map(|(id, _)| *id).collect()
    }

    /// Tells the job of a generation that another process has ended it.
    pub(crate) fn lose(&self, id: GenerationId) {
        if let Some(entry) = self.lock().get(&id) {
            entry.lost.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GenerationId, Entry>> {
        // The map is whole between calls, whatever happened to a thread that held it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// What watchers see of it.
    pub(crate) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Notes that the generation's row is stored.
    pub(crate) fn stored(&self) {
        if let Some(entry) = self.live.lock().get_mut(&self.id) {
            entry.is_stored = true;
        }
    }

    /// Completes when another process has ended the generation.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Shows text that is stored.
    pub(crate) fn publish(&self, text: &str) {
        self.progress.send_modify(|progress| {
            progress.text.push_str(text);
            progress.trouble = None;
        });
    }

    /// Tells what keeps text from being stored, until some is published.
    pub(crate) fn hold_up(&self, trouble: String) {
        self.progress.send_if_modified(|progress| {
            let is_new = progress.trouble.as_ref() != Some(&trouble);
            progress.trouble = Some(trouble);
            is_new
        });
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

/// Waits for the end.
pub(crate) async fn ended(mut progress: watch::Receiver<Progress>) {
    // An error means that the job is gone, which is an end as well.
    let _ = progress.wait_for(|progress| progress.ended).await;
}
