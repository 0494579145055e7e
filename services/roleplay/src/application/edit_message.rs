//! Changes the text of a message.

use mesh::Ctx;
use troupe_proto::events::MessageOrigin;

use super::chats::check_not_generating;
use super::{Chats, Error};
use crate::domain::etag::change_time;
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::Message;
use crate::infrastructure::queries::{messages, sessions};

impl Chats {
    /// Changes the text of a message that no generation is writing.
    pub(crate) async fn edit_message(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MessageId,
        text: String,
    ) -> Result<Message, Error> {
        let (user, text, now) = (ctx.user_id()?, &text, self.host.clock.now());
        let cause = &ctx.cause();
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = sessions::find(tx, user, session).await?;
                    let session = session.ok_or(Error::NotFound("session"))?;
                    let message = messages::find(tx, session.id, id).await?;
                    let message = message.ok_or(Error::NotFound("message"))?;
                    check_not_generating(&message)?;
                    // No two edits of a message are of one time: by it they are told apart.
                    let last = message.edit_time;
                    let now = last.map_or(now, |last| change_time(now, last));
                    messages::set_edited(tx, id, text.clone(), now).await?;
                    let telling = self.telling(tx, &session, cause);
                    telling.written(id, MessageOrigin::Edited, now)?;
                    let message = messages::find_whole(tx, session.id, id).await?;
                    message.ok_or(Error::NotFound("message"))
                })
            })
            .await
    }
}
