//! Adds a note to a session.

use mesh::Ctx;
use service::RequestKey;

use super::access::enter;
use super::once::Once;
use super::tell::Telling;
use super::{Error, Memories};
use crate::domain::ids::{MemoryId, SessionId};
use crate::domain::memory::Memory;
use crate::domain::participant::Right;
use crate::infrastructure::queries::memories;

/// A note to add.
#[derive(Debug)]
pub(crate) struct NewNote {
    pub(crate) text: String,
    pub(crate) pinned: bool,
    pub(crate) disabled: bool,
}

impl Memories {
    /// Adds a note. It can be found by its meaning once it is embedded. A repeat of the request gets the note of the first.
    pub(crate) async fn create_memory(
        &self,
        ctx: &Ctx,
        session: SessionId,
        new: NewNote,
        key: Option<RequestKey>,
    ) -> Result<Memory, Error> {
        check_text(&new.text)?;
        let (user, now) = (ctx.user_id()?, self.clock.now());
        let note = Memory {
            id: MemoryId::new(),
            session_id: session,
            message_id: None,
            text: new.text,
            pinned: new.pinned,
            disabled: new.disabled,
            rewritten: false,
            hidden: false,
            embedded_model: None,
            create_time: now,
            update_time: now,
        };
        let once = Once::new(user, key).within(session);
        let (outbox, cause) = (self.outbox.clone(), ctx.cause());
        self.db
            .transaction(|tx| {
                let (note, once) = (note.clone(), once.clone());
                let (outbox, cause) = (outbox.clone(), cause.clone());
                Box::pin(async move {
                    let session = enter(tx, user, note.session_id, Right::Write).await?;
                    if let Some(made) = once.made(tx).await? {
                        let made = memories::find(tx, session.id, made).await?;
                        return made.ok_or(Error::NotFound("memory"));
                    }
                    memories::insert_note(tx, &note).await?;
                    once.note(tx, note.id, now).await?;
                    let telling = Telling::new(tx, &outbox, &session, &cause);
                    telling.memory_changed(note.id)?;
                    Ok(note)
                })
            })
            .await
    }
}

/// Refuses a note that says nothing.
pub(super) fn check_text(text: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        let (field, description) = ("memory.text", "must not be blank");
        return Err(Error::Invalid { field, description });
    }
    Ok(())
}
