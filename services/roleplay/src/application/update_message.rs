//! Changes the text of a message.

use mesh::Ctx;
use troupe_proto::events::MessageOrigin;

use super::chats::check_not_generating;
use super::words::said;
use super::{Chats, Error};
use crate::domain::etag::change_time;
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::macros::may_hold_macros;
use crate::domain::message::Message;
use crate::infrastructure::queries::{messages, sessions};

impl Chats {
    /// Changes the text of a message that no generation is writing; without a text, nothing.
    pub(crate) async fn update_message(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MessageId,
        text: Option<String>,
    ) -> Result<Message, Error> {
        let Some(text) = text else {
            let session = self.get_session(ctx, session).await?;
            return self.get_message(ctx, &session, id).await;
        };
        if text.is_empty() {
            let (field, description) = ("message.text", "must not be empty");
            return Err(Error::Invalid { field, description });
        }
        let text = self.edited_text(ctx, session, text).await?;
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

    /// What a person writes over a message, with its macros resolved.
    async fn edited_text(
        &self,
        ctx: &Ctx,
        session: SessionId,
        text: String,
    ) -> Result<String, Error> {
        if !may_hold_macros(&text) {
            return Ok(text);
        }
        let session = self.get_session(ctx, session).await?;
        let words = self.words(ctx, &session).await?;
        Ok(said(&text, &words.macros(self.moment(), rand::random()))?)
    }
}
