//! Adds a message that nobody answers yet.

use mesh::Ctx;
use service::RequestKey;
use troupe_proto::events::MessageOrigin;

use super::access::{enter, enter_as_caller};
use super::greetings::settle_before;
use super::move_head::move_head;
use super::once::Once;
use super::turns::speaker_name;
use super::words::something_said;
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::{Author, Message, MessageKind};
use crate::domain::participant::Right;
use crate::infrastructure::queries::messages::NewMessage;
use crate::infrastructure::queries::{messages, sessions};

/// A message to add.
pub(crate) struct AddMessage {
    /// The session.
    pub(crate) session_id: SessionId,
    /// What is said; not blank.
    pub(crate) text: String,
    /// In which voice.
    pub(crate) kind: MessageKind,
    /// The message before it; none for the last of the branch.
    pub(crate) parent_id: Option<MessageId>,
    /// What tells a repeat of the request, where it has an id.
    pub(crate) key: Option<RequestKey>,
}

impl Chats {
    /// Stores the message, and turns the branch to it. A repeat of the request gets the message of the first.
    pub(crate) async fn add_message(
        &self,
        ctx: &Ctx,
        request: AddMessage,
    ) -> Result<Message, Error> {
        if request.text.trim().is_empty() {
            let (field, description) = ("text", "must not be blank");
            return Err(Error::Invalid { field, description });
        }
        let (user, now) = (ctx.user_id()?, self.clock.now());
        let session = enter_as_caller(&self.db, ctx, request.session_id, Right::Write).await?;
        let words = &self.words(ctx, &session, None).await?;
        let text = something_said(&request.text, &words.macros(self.moment(), rand::random()))?;
        let once = &Once::new(user, request.key).within(session.id);
        let new = &NewMessage {
            id: MessageId::new(),
            author: Author::Person,
            by: Some((session.me.id, session.me.persona_id)),
            character_id: None,
            kind: request.kind,
            speaker_name: speaker_name(request.kind, &words.player.name),
            text,
            generation_id: None,
            create_time: now,
            is_template: false,
        };
        let (id, asked_parent, cause) = (session.id, request.parent_id, &ctx.cause());
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let session = enter(tx, user, id, Right::Write).await?;
                    if let Some(made) = once.made(tx).await? {
                        let made = messages::find_whole(tx, id, made).await?;
                        return made.ok_or(Error::NotFound("message"));
                    }
                    let parent = asked_parent.or(session.branch.head);
                    let before = match parent {
                        Some(parent) => {
                            let before = messages::find(tx, id, parent).await?;
                            Some(before.ok_or(Error::NotFound("message"))?)
                        }
                        None => None,
                    };
                    settle_before(tx, &session, before.as_ref(), words).await?;
                    let added = messages::insert(tx, id, before.as_ref(), new.clone()).await?;
                    move_head(tx, id, &session.branch, added.id, parent, now).await?;
                    tx.put_off(sessions::touch(id, now));
                    once.note(tx, added.id, now).await?;
                    let telling = self.telling(tx, &session, cause);
                    telling.written(added.id, MessageOrigin::Sent, now)?;
                    Ok(messages::newest(added))
                })
            })
            .await
    }
}
