//! Changes a message.

use mesh::Ctx;
use platform::Timestamp;
use storage::database::Transaction;
use troupe_proto::events::MessageOrigin;

use super::access::{enter, enter_as_caller};
use super::chats::check_not_generating;
use super::delete_message::check_may_change;
use super::error::check_etag_of;
use super::greetings::shown_etag;
use super::tell::Telling;
use super::words::said;
use super::{Chats, Error};
use crate::domain::etag::change_time;
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::macros::may_hold_macros;
use crate::domain::message::Message;
use crate::domain::participant::Right;
use crate::domain::session::Session;
use crate::infrastructure::queries::messages;

/// The fields to change; none leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct MessagePatch {
    /// Text; not empty.
    pub(crate) text: Option<String>,
    /// Whether models don't read it.
    pub(crate) hidden: Option<bool>,
}

impl Chats {
    /// Changes a message, its text unless a generation is writing it. It must still have the etag, unless that is empty.
    pub(crate) async fn update_message(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MessageId,
        mut patch: MessagePatch,
        etag: &str,
    ) -> Result<Message, Error> {
        if patch.text.as_deref() == Some("") {
            let (field, description) = ("message.text", "must not be empty");
            return Err(Error::Invalid { field, description });
        }
        if let Some(text) = patch.text.take() {
            patch.text = Some(self.edited_text(ctx, session, id, text).await?);
        }
        let words = self.words_of_etag(ctx, session, id, etag).await?;
        let (user, now) = (ctx.user_id()?, self.clock.now());
        let (patch, words) = (&patch, words.as_ref());
        let cause = &ctx.cause();
        let updated = self
            .db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = enter(tx, user, session, Right::Write).await?;
                    let message = messages::find_whole(tx, session.id, id).await?;
                    let message = message.ok_or(Error::NotFound("message"))?;
                    check_may_change(&session.me, &message)?;
                    check_etag_of("message", &shown_etag(&session, message, words), etag)?;
                    if let Some(hidden) = patch.hidden {
                        messages::set_hidden(tx, id, hidden).await?;
                    }
                    if let Some(text) = &patch.text {
                        let telling = self.telling(tx, &session, cause);
                        write(telling, &session, id, text.clone(), now).await?;
                    }
                    let message = messages::find_whole(tx, session.id, id).await?;
                    let message = message.ok_or(Error::NotFound("message"))?;
                    Ok::<_, Error>((session, message))
                })
            })
            .await;
        let (session, message) = updated?;
        self.shown(ctx, &session, message).await
    }

    /// What a person writes over a message, with its macros resolved.
    async fn edited_text(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MessageId,
        text: String,
    ) -> Result<String, Error> {
        if !may_hold_macros(&text) {
            return Ok(text);
        }
        let session = enter_as_caller(&self.db, ctx, session, Right::Write).await?;
        let message = messages::find(self.db.read(), session.id, id).await?;
        let speaker = message.and_then(|message| message.character_id);
        let words = self.words(ctx, &session, speaker).await?;
        Ok(said(&text, &words.macros(self.moment(), rand::random()))?)
    }
}

async fn write(
    telling: Telling<'_>,
    session: &Session,
    id: MessageId,
    text: String,
    now: Timestamp,
) -> Result<(), Error> {
    let tx: &Transaction<'_> = telling.tx;
    let message = messages::find(tx, session.id, id).await?;
    let message = message.ok_or(Error::NotFound("message"))?;
    check_not_generating(&message)?;
    if message.text == text && !message.is_template {
        return Ok(());
    }
    // No two edits of a message are of one time: by it they are told apart.
    let now = message.edit_time.map_or(now, |last| change_time(now, last));
    messages::set_edited(tx, id, text, now).await?;
    Ok(telling.written(id, MessageOrigin::Edited, now)?)
}
