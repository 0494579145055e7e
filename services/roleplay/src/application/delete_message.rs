//! Deletes a message with all that follows it.

use mesh::Ctx;
use sea_orm::ConnectionTrait;

use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::infrastructure::queries::{messages, sessions, subtree};
use crate::infrastructure::tables::message::Model;

impl Chats {
    /// Deletes a message with all that follows it. Branches that end in it move to the swipe before it, else the one
    /// after it, else to its parent. Returns where the session's branch ends now.
    pub(crate) async fn delete_message(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MessageId,
    ) -> Result<Option<MessageId>, Error> {
        let (user, now) = (ctx.user_id()?, self.host.clock.now());
        let cause = &ctx.cause();
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = sessions::find(tx, user, session).await?;
                    let session = session.ok_or(Error::NotFound("session"))?;
                    let message = messages::find(tx, session.id, id).await?;
                    let message = message.ok_or(Error::NotFound("message"))?;
                    if let Some(generation) = session.running_generation_id {
                        let writes = messages::written_by(tx, session.id, generation).await?;
                        if let Some(writes) = writes
                            && subtree::contains(tx, session.id, id, writes).await?
                        {
                            return Err(Error::GenerationRunning(generation));
                        }
                    }
                    let replacement = replacement(tx, &message).await?;
                    let deleted = subtree::list(tx, session.id, id).await?;
                    subtree::leave(tx, session.id, id, replacement, now).await?;
                    subtree::delete(tx, session.id, id).await?;
                    messages::close_gap(tx, &message).await?;
                    let telling = self.telling(tx, &session, cause);
                    telling.deleted(&deleted)?;
                    let session = sessions::find(tx, user, session.id).await?;
                    Ok(session.ok_or(Error::NotFound("session"))?.branch.head)
                })
            })
            .await
    }
}

/// Where branches go that end in a deleted message.
async fn replacement(
    tx: &impl ConnectionTrait,
    deleted: &Model,
) -> Result<Option<MessageId>, Error> {
    let swipes = messages::list_siblings(tx, deleted.session_id, deleted.parent_id).await?;
    let mut others = swipes.iter().filter(|swipe| swipe.id != deleted.id);
    let before = others
        .clone()
        .rfind(|swipe| swipe.swipe_index < deleted.swipe_index);
    let swipe = before.or_else(|| others.next());
    let head = swipe.map(|swipe| swipe.last_head_id.unwrap_or(swipe.id));
    Ok(head.or(deleted.parent_id))
}
