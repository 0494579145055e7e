//! What the session remembers.

use anyhow::{Context, Result};
use troupe_proto::roleplay::{
    CreateMemoryRequest, DeleteMemoryRequest, ListMemoriesRequest, Memory, UpdateMemoryRequest,
};

use super::{Conversation, refused};

/// How many memories are shown, and can be named by their numbers.
const SHOWN: i32 = 20;
/// How much of each is shown.
const SHOWN_CHARS: usize = 100;

impl Conversation<'_> {
    /// Shows the newest memories, the pinned ones marked.
    pub(super) async fn list_memories(&mut self) -> Result<()> {
        let memories = self.memories().await?;
        if memories.is_empty() {
            return self.screen.note("Nothing is remembered yet.");
        }
        for (index, memory) in memories.iter().enumerate().rev() {
            let mark = if memory.pinned { '*' } else { ' ' };
            let text = memory.text.replace('\n', " ");
            let text: String = text.chars().take(SHOWN_CHARS).collect();
            self.screen
                .line(&format!("{mark}{:3}  {text}", index + 1))?;
        }
        Ok(())
    }

    pub(super) async fn note(&mut self, text: String) -> Result<()> {
        let memory = Memory {
            text,
            ..Default::default()
        };
        let request = CreateMemoryRequest {
            session_id: self.session_id.clone(),
            memory: Some(memory),
            ..Default::default()
        };
        let created = self.api.memories.create_memory(request).await;
        created.map_err(refused)?;
        self.screen
            .note("Noted. /memory shows it; /pin 1 puts it into every prompt.")
    }

    /// Pins a memory, or lets go of one that is pinned.
    pub(super) async fn pin(&mut self, number: usize) -> Result<()> {
        let memory = self.memory(number).await?;
        let memory = Memory {
            id: memory.id,
            pinned: !memory.pinned,
            ..Default::default()
        };
        let update_mask = prost_types::FieldMask {
            paths: vec!["pinned".to_owned()],
        };
        let request = UpdateMemoryRequest {
            session_id: self.session_id.clone(),
            memory: Some(memory),
            update_mask: Some(update_mask),
        };
        let updated = self.api.memories.update_memory(request).await;
        let memory = updated.map_err(refused)?.into_inner().memory;
        self.screen.note(match memory.unwrap_or_default().pinned {
            true => "It is in every prompt from now on.",
            false => "It is recalled only where it matters from now on.",
        })
    }

    pub(super) async fn forget(&mut self, number: usize) -> Result<()> {
        let request = DeleteMemoryRequest {
            session_id: self.session_id.clone(),
            memory_id: self.memory(number).await?.id,
        };
        let deleted = self.api.memories.delete_memory(request).await;
        deleted.map_err(refused)?;
        self.screen
            .note("Forgotten; the message, if it was one, stays.")
    }

    async fn memory(&mut self, number: usize) -> Result<Memory> {
        let mut memories = self.memories().await?;
        let index = number - 1;
        let exists = index < memories.len();
        let memory = exists.then(|| memories.swap_remove(index));
        memory.with_context(|| format!("there is no memory {number}; /memory shows them"))
    }

    /// The newest memories, newest first.
    async fn memories(&mut self) -> Result<Vec<Memory>> {
        let request = ListMemoriesRequest {
            session_id: self.session_id.clone(),
            page_size: SHOWN,
            ..Default::default()
        };
        let listed = self.api.memories.list_memories(request).await;
        Ok(listed.map_err(refused)?.into_inner().memories)
    }
}
