//! What sessions remember: the use cases of people. What recalls it for prompts is in `recall`, what keeps its vectors in
//! `remember`.

use mesh::Ctx;
use platform::events::Outbox;
use platform::{Clock, Database};
use serde::Deserialize;

use super::Error;
use crate::domain::ids::{MemoryId, MessageId, SessionId};
use crate::domain::memory::Memory;
use crate::domain::prompt::MemorySettings;
use crate::domain::session::Session;
use crate::infrastructure::index::Index;
use crate::infrastructure::queries::{memories, path, sessions};

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
    pub(crate) db: Database,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Clock,
    pub(crate) index: Index,
    pub(crate) config: MemoryConfig,
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
    /// A session of the caller.
    pub(crate) async fn get_session(&self, ctx: &Ctx, id: SessionId) -> Result<Session, Error> {
        let session = sessions::find(self.db.read(), ctx.user_id()?, id).await?;
        session.ok_or(Error::NotFound("session"))
    }

    /// A memory of a session of the caller.
    pub(crate) async fn get_memory(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MemoryId,
    ) -> Result<Memory, Error> {
        let session = self.get_session(ctx, session).await?;
        let memory = memories::find(self.db.read(), session.id, id).await?;
        memory.ok_or(Error::NotFound("memory"))
    }

    /// At most `limit` memories of a session of the caller, newest first.
    pub(crate) async fn list_memories(
        &self,
        ctx: &Ctx,
        session: SessionId,
        filter: memories::Filter,
        limit: usize,
    ) -> Result<Vec<Memory>, Error> {
        let session = self.get_session(ctx, session).await?;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Ok(memories::list(self.db.read(), session.id, filter, limit).await?)
    }

    /// Of these, the notes and those whose messages are on the path to `tip`, each with what goes with it.
    pub(super) async fn on_path<T: Send>(
        &self,
        session: SessionId,
        tip: Option<MessageId>,
        mut memories: Vec<(Memory, T)>,
    ) -> Result<Vec<(Memory, T)>, Error> {
        let messages = memories.iter().filter_map(|(memory, _)| memory.message_id);
        let messages: Vec<MessageId> = messages.collect();
        let held = match tip {
            Some(tip) if !messages.is_empty() => {
                path::holds(self.db.read(), session, tip, &messages).await?
            }
            _ => Default::default(),
        };
        memories.retain(|(memory, _)| memory.message_id.is_none_or(|id| held.contains(&id)));
        Ok(memories)
    }
}
