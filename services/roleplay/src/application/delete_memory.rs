//! Forgets a memory.

use mesh::Ctx;

use super::access::enter;
use super::tell::Telling;
use super::{Error, Memories};
use crate::domain::ids::{MemoryId, SessionId};
use crate::domain::participant::Right;
use crate::infrastructure::queries::memories;

impl Memories {
    /// Forgets a memory; its message, if it comes from one, stays and isn't remembered again.
    pub(crate) async fn delete_memory(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MemoryId,
    ) -> Result<(), Error> {
        let user = ctx.user_id()?;
        let (outbox, cause) = (self.outbox.clone(), ctx.cause());
        self.db
            .transaction(|tx| {
                let (outbox, cause) = (outbox.clone(), cause.clone());
                Box::pin(async move {
                    let session = enter(tx, user, session, Right::Manage).await?;
                    let memory = memories::find(tx, session.id, id).await?;
                    let memory = memory.ok_or(Error::NotFound("memory"))?;
                    memories::forget(tx, &memory).await?;
                    let telling = Telling::new(tx, &outbox, &session, &cause);
                    telling.memory_changed(id)?;
                    Ok(())
                })
            })
            .await
    }
}
