//! The vectors of memories in the hands of an operator: counted, and computed anew. For a platform that is stopped.

use std::error::Error;

use events::Events;
use service::{BuildError, Host, Service, Site};

use crate::application::{Memories, MemoryCounts};
use crate::{Config, Roleplay};

/// The memories of all sessions and their vectors.
pub struct MemoryIndex(Memories);

/// Why memories can't be counted or embedded.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct MemoryIndexError(Box<dyn Error + Send + Sync>);

impl MemoryIndex {
    /// Opens the service's data, with the embedder behind a channel to the ai service.
    ///
    /// # Errors
    /// The data can't be opened.
    pub async fn open(config: &Config, host: &Host, ai: mesh::Channel) -> Result<Self, BuildError> {
        let db = &Site::open::<Roleplay>(host).await?.db;
        // Of its own: should it tell something, the platform that starts next carries it.
        let outbox = Events::default().register(Roleplay::ROLE.name(), db, &host.clock)?;
        let memories = Memories::new(db, outbox, host, ai, &config.memory);
        Ok(Self(memories))
    }

    /// Counts memories and vectors.
    ///
    /// # Errors
    /// The embedder doesn't say which model it is, or a store fails.
    pub async fn count(&self) -> Result<MemoryCounts, MemoryIndexError> {
        let counts = self.0.count().await;
        counts.map_err(|error| MemoryIndexError(error.into()))
    }

    /// Forgets all vectors and computes those of all memories, also of messages that never were one. `progress` hears
    /// how many of how many are done.
    ///
    /// # Errors
    /// The embedder or a store fails. What is done by then is kept; do it again.
    pub async fn rebuild(
        &self,
        progress: impl Fn(u64, u64),
    ) -> Result<MemoryCounts, MemoryIndexError> {
        let counts = self.0.rebuild(progress).await;
        counts.map_err(|error| MemoryIndexError(error.into()))
    }
}
