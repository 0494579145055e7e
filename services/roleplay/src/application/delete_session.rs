//! Deletes a session.

use mesh::Ctx;

use super::access::enter_as_caller;
use super::live::ended;
use super::{Chats, Error};
use crate::domain::ids::SessionId;
use crate::domain::participant::Right;
use crate::infrastructure::queries::sessions;

impl Chats {
    /// Deletes a session of its owner with all its messages. A generation that runs in it is cancelled first, so that it doesn't
    /// go on at the provider; in another process it stops when that one finds it gone.
    pub(crate) async fn delete_session(&self, ctx: &Ctx, id: SessionId) -> Result<(), Error> {
        let user = ctx.user_id()?;
        let session = enter_as_caller(&self.db, ctx, id, Right::Manage).await?;
        if let Some(watched) = session
            .running_generation_id
            .and_then(|id| self.live.find(id))
        {
            watched.cancel.cancel();
            ended(watched.progress).await;
        }
        let (session, cause) = (&session, &ctx.cause());
        let delete = self.db.transaction(|tx| {
            Box::pin(async move {
                if sessions::delete(tx, user, id).await? {
                    let telling = self.telling(tx, session, cause);
                    telling.session_deleted()?;
                }
                Ok::<_, Error>(())
            })
        });
        delete.await?;
        self.doors.closed();
        Ok(())
    }
}
