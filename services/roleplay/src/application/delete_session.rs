//! Deletes sessions.

use mesh::Ctx;

use super::access::{enter, enter_as_caller};
use super::live::ended;
use super::{Chats, Error};
use crate::domain::ids::SessionId;
use crate::domain::participant::Right;
use crate::infrastructure::queries::sessions;

impl Chats {
    /// Deletes sessions of their owner with all their messages, all of them or none. Generations that run in them are cancelled first,
    /// so that they don't go on at the provider; in another process they stop when that one finds their session gone.
    pub(crate) async fn delete_sessions(&self, ctx: &Ctx, ids: &[SessionId]) -> Result<(), Error> {
        let user = ctx.user_id()?;
        let mut running = Vec::new();
        for id in ids {
            let session = enter_as_caller(&self.db, ctx, *id, Right::Manage).await?;
            running.extend(session.running_generation_id);
        }
        for watched in running.into_iter().filter_map(|id| self.live.find(id)) {
            watched.cancel.cancel();
            ended(watched.progress).await;
        }
        let cause = &ctx.cause();
        let delete = self.db.transaction(|tx| {
            Box::pin(async move {
                for id in ids {
                    let session = enter(tx, user, *id, Right::Manage).await?;
                    sessions::delete(tx, user, *id).await?;
                    self.telling(tx, &session, cause).session_deleted()?;
                }
                Ok::<_, Error>(())
            })
        });
        delete.await?;
        self.doors.closed();
        Ok(())
    }
}
