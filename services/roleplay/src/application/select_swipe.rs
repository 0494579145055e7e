//! Turns the branch to a swipe.

use mesh::Ctx;
use sea_orm::{ConnectionTrait, DbErr};

use super::access::enter;
use super::move_head::move_head;
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::Message;
use crate::domain::participant::Right;
use crate::infrastructure::queries::path::Fork;
use crate::infrastructure::queries::{messages, path};
use crate::infrastructure::tables::message::Model;

impl Chats {
    /// Turns the branch to a swipe; what followed that swipe before follows it again. A swipe that the branch goes
    /// through already stays selected with all that follows it.
    pub(crate) async fn select_swipe(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MessageId,
    ) -> Result<Message, Error> {
        let (user, cause) = (ctx.user_id()?, &ctx.cause());
        let now = self.clock.now();
        let selected = self
            .db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = enter(tx, user, session, Right::Write).await?;
                    let swipe = messages::find(tx, session.id, id).await?;
                    let swipe = swipe.ok_or(Error::NotFound("message"))?;
                    let fork = match session.branch.head {
                        Some(head) => path::fork(tx, session.id, head, id).await?,
                        None => Fork::default(),
                    };
                    if fork.common != Some(id) {
                        let telling = self.telling(tx, &session, cause);
                        let left = left_swipe(tx, &swipe, &fork).await?;
                        telling.swipe_selected(&swipe, left.as_ref())?;
                        let head = swipe.last_head_id.unwrap_or(id);
                        move_head(tx, session.id, &session.branch, head, None, now).await?;
                    }
                    let mut whole = messages::whole(tx, session.id, vec![swipe]).await?;
                    let message = whole.pop().ok_or(Error::NotFound("message"))?;
                    Ok::<_, Error>((session, message))
                })
            })
            .await;
        let (session, message) = selected?;
        self.shown(ctx, &session, message).await
    }
}

/// The swipe that the branch went through before, if it went through one of the same message.
async fn left_swipe(
    tx: &impl ConnectionTrait,
    swipe: &Model,
    fork: &Fork,
) -> Result<Option<Model>, DbErr> {
    match fork.left.filter(|_| fork.common == swipe.parent_id) {
        Some(left) => messages::find(tx, swipe.session_id, left).await,
        None => Ok(None),
    }
}
