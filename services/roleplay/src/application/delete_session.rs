//! Deletes a session.

use mesh::Ctx;

use super::live::ended;
use super::{Chats, Error};
use crate::domain::ids::SessionId;
use crate::infrastructure::queries::sessions;

impl Chats {
    /// Deletes a session with all its messages. A generation that runs in it is cancelled first, so that it doesn't
    /// go on at the provider; in another process it stops when that one finds it gone.
    pub(crate) async fn delete_session(&self, ctx: &Ctx, id: SessionId) -> Result<(), Error> {
        let user = ctx.user_id()?;
        let session = self.get_session(ctx, id).await?;
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
                Ok(())
            })
        });
        delete.await
    }
}
