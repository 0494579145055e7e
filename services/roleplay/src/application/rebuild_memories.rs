//! Computes the vectors of all memories anew, and counts what there is.

use std::time::Duration;

use mesh::{Ctx, Role};
use platform::trace::Cause;

use super::{Error, Memories};
use crate::infrastructure::index::MAX_EMBEDDED;
use crate::infrastructure::queries::memories;

/// For a batch, on a slow machine.
const BATCH_LIMIT: Duration = Duration::from_secs(120);

/// What there is of memories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryCounts {
    /// The model that embeds.
    pub model: String,
    /// Memories.
    pub memories: u64,
    /// Memories that are noted as embedded with the model.
    pub embedded: u64,
    /// Vectors of the model.
    pub vectors: u64,
}

impl MemoryCounts {
    /// Whether each memory has its vector, and nothing else has one.
    pub fn agree(&self) -> bool {
        self.memories == self.embedded && self.embedded == self.vectors
    }
}

impl Memories {
    /// Counts.
    pub(crate) async fn count(&self) -> Result<MemoryCounts, Error> {
        let collection = self.index.collection(&batch()).await?;
        let (memories, embedded) = memories::count(self.db.read(), &collection.model).await?;
        Ok(MemoryCounts {
            memories,
            embedded,
            vectors: collection.count().await?,
            model: collection.model,
        })
    }

    /// Forgets all vectors and embeds every memory, also of messages that never were one. `progress` hears how many of
    /// how many are done.
    pub(crate) async fn rebuild(&self, progress: impl Fn(u64, u64)) -> Result<MemoryCounts, Error> {
        self.index.collection(&batch()).await?.clear().await?;
        let prepare = self.db.transaction(|tx| {
            Box::pin(async move {
                memories::set_none_embedded(tx).await?;
                memories::insert_missing(tx).await
            })
        });
        prepare.await?;
        let (all, _) = memories::count(self.db.read(), "").await?;
        let (mut done, mut last) = (0, None);
        progress(done, all);
        loop {
            let batch_size = MAX_EMBEDDED as u64;
            let found = memories::list_all(self.db.read(), last, batch_size).await?;
            let Some(newest) = found.last() else { break };
            last = Some(newest.id);
            let model = self.embed_all(&batch(), &found).await?;
            let ids: Vec<_> = found.iter().map(|memory| memory.id).collect();
            let mark = self.db.transaction(|tx| {
                let (ids, model) = (ids.clone(), model.clone());
                Box::pin(async move { memories::set_embedded(tx, ids, Some(&model)).await })
            });
            mark.await?;
            done += found.len() as u64;
            progress(done, all.max(done));
        }
        self.count().await
    }
}

fn batch() -> Ctx {
    Ctx::of_job(Role::Roleplay, &Cause::new(), BATCH_LIMIT)
}
