//! Greetings. A session keeps them as the card has them, and each is resolved when it is shown; so they cost no more than their
//! own size, and follow the persona. The one that somebody answers is resolved for good with that.

use mesh::Ctx;
use sea_orm::DbErr;
use storage::database::Transaction;

use super::words::Words;
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::macros::may_hold_macros;
use crate::domain::message::Message;
use crate::domain::session::Session;
use crate::infrastructure::queries::messages;
use crate::infrastructure::queries::path::Line;
use crate::infrastructure::tables::message::Model;

/// A greeting that is answered, in its last words.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    id: MessageId,
    text: String,
}

impl Settled {
    /// A greeting in its last words, if nobody has answered it yet.
    pub(super) fn of_row(row: &Model, session: &Session, words: &Words) -> Option<Self> {
        row.is_template.then(|| Self {
            id: row.id,
            text: words.greeting(session, row.character_id, &row.text),
        })
    }

    /// The greetings of a path, newest message first, that nobody has answered yet. The lines get their last words too.
    pub(super) fn of(lines: &mut [Line], session: &Session, words: &Words) -> Vec<Self> {
        // One that models don't read has no text here, and keeps its macros.
        let open = lines
            .iter_mut()
            .filter(|line| line.is_template && !line.text.is_empty());
        let settled = open.map(|line| {
            line.text = words.greeting(session, line.character_id, &line.text);
            Self {
                id: line.id,
                text: line.text.clone(),
            }
        });
        settled.collect()
    }
}

/// Stores the last words of the greetings that a message follows: those before it that nobody has answered.
pub(super) async fn settle_before(
    tx: &Transaction<'_>,
    session: &Session,
    before: Option<&Model>,
    words: &Words,
) -> Result<(), DbErr> {
    let mut before = before.cloned();
    while let Some(row) = before {
        let Some(greeting) = Settled::of_row(&row, session, words) else {
            break;
        };
        settle(tx, session.id, &greeting).await?;
        before = match row.parent_id {
            Some(parent) => messages::find(tx, session.id, parent).await?,
            None => None,
        };
    }
    Ok(())
}

/// Stores the last words of a greeting, unless somebody came before.
pub(super) async fn settle(
    tx: &Transaction<'_>,
    session: SessionId,
    greeting: &Settled,
) -> Result<(), DbErr> {
    messages::settle(tx, session, greeting.id, &greeting.text).await
}

/// The etag of a message as it is shown; a greeting that nobody has answered is shown in these words.
pub(super) fn shown_etag(session: &Session, mut message: Message, words: Option<&Words>) -> String {
    if let Some(words) = words.filter(|_| message.is_template) {
        message.text = words.greeting(session, message.character_id, &message.text);
    }
    message.etag()
}

impl Chats {
    /// The words in which a message is shown whose etag is asked for; none where it needs none.
    pub(super) async fn words_of_etag(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MessageId,
        etag: &str,
    ) -> Result<Option<Words>, Error> {
        if etag.is_empty() {
            return Ok(None);
        }
        let session = self.get_session(ctx, session).await?;
        let message = messages::find(self.db.read(), session.id, id).await?;
        match message.is_some_and(|it| it.is_template && may_hold_macros(&it.text)) {
            true => Ok(Some(self.words_to_show(ctx, &session).await?)),
            false => Ok(None),
        }
    }

    /// A message as it is shown.
    pub(super) async fn shown(
        &self,
        ctx: &Ctx,
        session: &Session,
        message: Message,
    ) -> Result<Message, Error> {
        let mut shown = self
            .all_shown(ctx, session, vec![message], usize::MAX)
            .await?;
        shown.pop().ok_or(Error::NotFound("message"))
    }

    /// Messages as they are shown; none after the one with which they have so many bytes.
    pub(super) async fn all_shown(
        &self,
        ctx: &Ctx,
        session: &Session,
        mut messages: Vec<Message>,
        most_bytes: usize,
    ) -> Result<Vec<Message>, Error> {
        let is_open = |it: &Message| it.is_template && may_hold_macros(&it.text);
        let words = match messages.iter().any(is_open) {
            true => Some(self.words_to_show(ctx, session).await?),
            false => None,
        };
        let (mut bytes, mut count) = (0, 0);
        for message in &mut messages {
            if bytes >= most_bytes {
                break;
            }
            if let Some(words) = words.as_ref().filter(|_| message.is_template) {
                message.text = words.greeting(session, message.character_id, &message.text);
            }
            (bytes, count) = (bytes + message.text.len(), count + 1);
        }
        messages.truncate(count);
        Ok(messages)
    }
}
