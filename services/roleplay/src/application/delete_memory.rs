//! Forgets a memory.

use mesh::Ctx;

use super::{Error, Memories};
use crate::domain::ids::{MemoryId, SessionId};
use crate::infrastructure::queries::{memories, sessions};

impl Memories {
    /// Forgets a memory; its message, if it comes from one, stays and isn't remembered again.
    pub(crate) async fn delete_memory(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MemoryId,
    ) -> Result<(), Error> {
        let user = ctx.user_id()?;
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = sessions::find(tx, user, session).await?;
                    let session = session.ok_or(Error::NotFound("session"))?.id;
                    let memory = memories::find(tx, session, id).await?;
                    let memory = memory.ok_or(Error::NotFound("memory"))?;
                    memories::forget(tx, &memory).await?;
                    Ok(())
                })
            })
            .await
    }
}
