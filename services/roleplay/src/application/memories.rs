//! What sessions remember: the use cases of people. What recalls it for prompts is in `recall`, what keeps its vectors in
//! `remember`.

use std::collections::HashSet;

use events::Outbox;
use mesh::{Channel, Ctx};
use platform::Clock;
use serde::Deserialize;
use service::Host;
use storage::Database;

use super::Error;
use super::access::enter_as_caller;
use super::ancestry::{Ancestry, Path};
use crate::domain::ids::{MemoryId, MessageId, SessionId};
use crate::domain::memory::Memory;
use crate::domain::participant::Right;
use crate::domain::prompt::MemorySettings;
use crate::infrastructure::index::Index;
use crate::infrastructure::queries::memories;

/// How sessions remember.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// Whether messages are embedded, and memories recalled into prompts.
    pub enabled: bool,
    /// What recalled memories may take of the model's window, in percent. Pinned ones don't count.
    pub budget_percent: u32,
    /// Most tokens of recalled memories, however large the window.
    pub max_tokens: u32,
    /// Most recalled memories in a prompt.
    pub max_recalled: usize,
    /// How near in meaning a memory must be to the last messages: the cosine of the angle, from -1 to 1.
    pub min_score: f32,
    /// How long a turn may wait for it. Then its prompt is made without, except for pinned memories.
    pub recall_timeout_ms: u64,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        let settings = MemorySettings::default();
        Self {
            enabled: true,
            budget_percent: settings.budget_percent,
            max_tokens: settings.max_tokens,
            max_recalled: settings.max_recalled,
            min_score: settings.min_score,
            recall_timeout_ms: 300,
        }
    }
}

impl MemoryConfig {
    /// What of it the prompt compiler needs.
    pub(super) fn settings(&self) -> MemorySettings {
        MemorySettings {
            budget_percent: self.budget_percent,
            max_tokens: self.max_tokens,
            min_score: self.min_score,
            max_recalled: self.max_recalled,
        }
    }
}

/// What sessions remember. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Memories {
    pub(super) db: Database,
    pub(super) outbox: Outbox,
    pub(super) clock: Clock,
    pub(super) index: Index,
    pub(super) ancestry: Ancestry,
    pub(super) config: MemoryConfig,
}

/// The fields to change; none leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryPatch {
    /// Text; the empty one brings back what the message says.
    pub(crate) text: Option<String>,
    /// In every prompt.
    pub(crate) pinned: Option<bool>,
    /// In no prompt.
    pub(crate) disabled: Option<bool>,
}

impl Memories {
    /// Those of a database, with the embedder behind a channel to the ai service.
    pub(crate) fn new(
        db: &Database,
        outbox: Outbox,
        host: &Host,
        ai: Channel,
        config: &MemoryConfig,
    ) -> Self {
        Self {
            db: db.clone(),
            outbox,
            clock: host.clock.clone(),
            index: Index::new(host, ai),
            ancestry: Ancestry::new(db),
            config: config.clone(),
        }
    }

    /// A memory of a session.
    pub(crate) async fn get_memory(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MemoryId,
    ) -> Result<Memory, Error> {
        let session = enter_as_caller(&self.db, ctx, session, Right::Watch).await?;
        let memory = memories::find(self.db.read(), session.id, id).await?;
        memory.ok_or(Error::NotFound("memory"))
    }

    /// At most `limit` memories of a session, newest first.
    pub(crate) async fn list_memories(
        &self,
        ctx: &Ctx,
        session: SessionId,
        filter: memories::Filter,
        limit: usize,
    ) -> Result<Vec<Memory>, Error> {
        let session = enter_as_caller(&self.db, ctx, session, Right::Watch).await?;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Ok(memories::list(self.db.read(), session.id, filter, limit).await?)
    }

    /// Of these, the notes and those whose messages a branch goes through, each with what goes with it. A branch may have no
    /// path yet.
    pub(super) async fn on_path<T: Send>(
        &self,
        path: Option<Path<'_>>,
        mut memories: Vec<(Memory, T)>,
    ) -> Result<Vec<(Memory, T)>, Error> {
        let messages = memories.iter().filter_map(|(memory, _)| memory.message_id);
        let messages: Vec<MessageId> = messages.collect();
        let held = match path {
            Some(path) => self.ancestry.among(path, &messages).await?,
            None => HashSet::new(),
        };
        memories.retain(|(memory, _)| memory.message_id.is_none_or(|id| held.contains(&id)));
        Ok(memories)
    }
}
