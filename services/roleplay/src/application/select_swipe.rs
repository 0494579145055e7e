//! Turns the branch to a swipe.

use mesh::Ctx;

use super::move_head::move_head;
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::Message;
use crate::infrastructure::queries::{messages, path, sessions};

impl Chats {
    /// Turns the branch to a swipe; what followed that swipe before follows it again. A swipe that the branch goes
    /// through already stays selected with all that follows it.
    pub(crate) async fn select_swipe(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MessageId,
    ) -> Result<Message, Error> {
        let user = ctx.user_id()?;
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = sessions::find(tx, user, session).await?;
                    let session = session.ok_or(Error::NotFound("session"))?;
                    let swipe = messages::find(tx, session.id, id).await?;
                    let swipe = swipe.ok_or(Error::NotFound("message"))?;
                    let is_selected = match session.branch.head {
                        Some(head) => {
                            path::fork(tx, session.id, head, id).await?.common == Some(id)
                        }
                        None => false,
                    };
                    if !is_selected {
                        let head = swipe.last_head_id.unwrap_or(id);
                        move_head(tx, session.id, &session.branch, head, None).await?;
                    }
                    let mut whole = messages::whole(tx, session.id, vec![swipe]).await?;
                    whole.pop().ok_or(Error::NotFound("message"))
                })
            })
            .await
    }
}
