//! Following a generation that another process runs, by what that stores. All who watch it here share one look at the
//! database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch::{self, Receiver, Sender};

use super::Chats;
use super::live::Progress;
use crate::domain::ids::GenerationId;
use crate::infrastructure::queries::generations;

/// Time between looks at the database: how far behind the other process's watchers ours are.
const POLL: Duration = Duration::from_millis(100);

/// Remote watches: the generations of other processes that are watched here. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Followed(Arc<Mutex<HashMap<GenerationId, Receiver<Progress>>>>);

impl Chats {
    /// What becomes of a generation that another process runs.
    pub(super) fn follow(&self, id: GenerationId) -> Receiver<Progress> {
        let mut followed = self.followed.lock();
        if let Some(progress) = followed.get(&id) {
            return progress.clone();
        }
        let (sender, progress) = watch::channel(Progress::default());
        followed.insert(id, progress.clone());
        let (chats, entry) = (
            self.clone(),
            Entry {
                followed: self.followed.clone(),
                id,
                progress: progress.clone(),
            },
        );
        self.tasks.spawn(async move {
            tokio::select! {
                () = chats.look_on(&entry, &sender) => {}
                // Who watches does so again, by a process that stays.
                () = chats.out_of_time() => {}
            }
        });
        progress
    }

    /// Looks on until the generation has ended, or nobody watches it any more.
    async fn look_on(&self, entry: &Entry, progress: &Sender<Progress>) {
        let id = entry.id;
        while !entry.is_left(progress) {
            let offset = progress.borrow().text.len();
            match generations::written_since(self.db.read(), id, offset).await {
                Ok(Some(text)) if text.is_empty() => {}
                Ok(Some(text)) => progress.send_modify(|seen| seen.text.push_str(&text)),
                Ok(None) => return progress.send_modify(|seen| seen.ended = true),
                // As in the other process, which can't store anything: the reply waits.
                Err(error) => {
                    tracing::debug!(generation.id = %id, %error, "a generation can't be followed");
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Followed {
    fn lock(&self) -> MutexGuard<'_, HashMap<GenerationId, Receiver<Progress>>> {
        // The map is whole between calls, whatever happened to a thread that held it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A generation that is followed. Dropping it takes it off the list.
struct Entry {
    followed: Followed,
    id: GenerationId,
    progress: Receiver<Progress>,
}

impl Entry {
    /// Whether nobody watches. Then the generation is off the list, so that nobody begins to.
    fn is_left(&self, progress: &Sender<Progress>) -> bool {
        let mut followed = self.followed.lock();
        // One receiver is here and one in the list.
        let is_left = progress.receiver_count() <= 2;
        if is_left {
            followed.remove(&self.id);
        }
        is_left
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut followed = self.followed.lock();
        let ours = followed.get(&self.id);
        if ours.is_some_and(|progress| progress.same_channel(&self.progress)) {
            followed.remove(&self.id);
        }
    }
}
