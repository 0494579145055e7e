//! Changes a memory.

use mesh::Ctx;

use super::access::enter;
use super::create_memory::check_text;
use super::tell::Telling;
use super::{Error, Memories, MemoryPatch};
use crate::domain::etag::change_time;
use crate::domain::ids::{MemoryId, SessionId};
use crate::domain::memory::Memory;
use crate::domain::participant::Right;
use crate::infrastructure::queries::memories;

impl Memories {
    /// Changes a memory. A changed text is embedded anew; the text that it shows is no change.
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
                    let before = memory.ok_or(Error::NotFound("memory"))?;
                    let own = own_text(&before);
                    let new = patch.text.filter(|text| *text != before.text);
                    let text = new.unwrap_or_else(|| own.clone());
                    if before.message_id.is_none() {
                        check_text(&text)?;
                    }
                    let text = Some(text).filter(|text| !text.trim().is_empty());
                    let is_said_anew = text.as_deref().unwrap_or_default() != own;
                    let memory = Memory {
                        pinned: patch.pinned.unwrap_or(before.pinned),
                        disabled: patch.disabled.unwrap_or(before.disabled),
                        ..before.clone()
                    };
                    if memory == before && !is_said_anew {
                        return Ok(memory);
                    }
                    let memory = Memory {
                        update_time: change_time(now, before.update_time),
                        ..memory
                    };
                    memories::update(tx, &memory, text).await?;
                    if is_said_anew {
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
