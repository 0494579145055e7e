//! Changes a memory.

use mesh::Ctx;

use super::access::enter;
use super::create_memory::check_text;
use super::tell::Telling;
use super::{Error, Memories, MemoryPatch};
use crate::domain::ids::{MemoryId, SessionId};
use crate::domain::memory::Memory;
use crate::domain::participant::Right;
use crate::infrastructure::queries::memories;

impl Memories {
    /// Changes a memory. A changed text is embedded anew.
    pub(crate) async fn update_memory(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MemoryId,
        patch: MemoryPatch,
    ) -> Result<Memory, Error> {
        let (user, now) = (ctx.user_id()?, self.clock.now());
        let (outbox, cause) = (self.outbox.clone(), ctx.cause());
        self.db
            .transaction(|tx| {
                let (patch, outbox, cause) = (patch.clone(), outbox.clone(), cause.clone());
                Box::pin(async move {
                    let session = enter(tx, user, session, Right::Manage).await?;
                    let memory = memories::find(tx, session.id, id).await?;
                    let mut memory = memory.ok_or(Error::NotFound("memory"))?;
                    let text = patch.text.clone().unwrap_or_else(|| own_text(&memory));
                    if memory.message_id.is_none() {
                        check_text(&text)?;
                    }
                    memory.pinned = patch.pinned.unwrap_or(memory.pinned);
                    memory.disabled = patch.disabled.unwrap_or(memory.disabled);
                    memory.update_time = now;
                    let text = Some(text).filter(|text| !text.trim().is_empty());
                    memories::update(tx, &memory, text).await?;
                    if patch.text.is_some() {
                        let telling = Telling::new(tx, &outbox, &session, &cause);
                        telling.memory_changed(id)?;
                    }
                    let memory = memories::find(tx, session.id, id).await?;
                    memory.ok_or(Error::NotFound("memory"))
                })
            })
            .await
    }
}

/// What a person wrote; empty where the message speaks for itself.
fn own_text(memory: &Memory) -> String {
    if memory.message_id.is_none() || memory.rewritten {
        memory.text.clone()
    } else {
        String::new()
    }
}
