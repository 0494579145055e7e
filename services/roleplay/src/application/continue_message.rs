//! Lets the character continue its last message.

use mesh::Ctx;
use service::RequestKey;

use super::compile_prompt::Wanted;
use super::start_generation::{Opening, Start, Started, Target};
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::{Author, MAX_CONTINUED_BYTES};
use crate::domain::prompt::Kind;
use crate::domain::session::Session;
use crate::infrastructure::queries::messages;
use crate::infrastructure::tables::message::Model;

impl Chats {
    /// Starts a generation whose text is added to the last message of the branch, which must be the character's.
    pub(crate) async fn continue_message(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MessageId,
        key: Option<RequestKey>,
    ) -> Result<Started, Error> {
        let session = match self.opening(ctx, session, key.as_ref()).await? {
            Opening::Idle(session) => *session,
            Opening::Earlier(earlier) => return Ok(Started::Earlier(earlier)),
        };
        check_continuable(
            messages::find(self.db.read(), session.id, id).await?,
            &session,
        )?;
        let wanted = Wanted {
            kind: Kind::Continue,
            tip: Some(id),
            said: None,
            said_id: None,
        };
        let prompt = self.compile(ctx, &session, wanted).await?;
        let target = Target::End(id);
        let start = Start {
            session,
            kind: Kind::Continue,
            key,
            target,
            prompt,
        };
        self.start(ctx, start).await
    }
}

/// The message, if the character can continue it.
pub(super) fn check_continuable(message: Option<Model>, session: &Session) -> Result<Model, Error> {
    let message = message.ok_or(Error::NotFound("message"))?;
    let refusal = if message.author != Author::Character {
        "only a character's message can be continued: send a message to get a reply"
    } else if session.branch.head != Some(message.id) {
        "only the last message of the branch can be continued: select it or its branch first"
    } else if message.text.is_empty() {
        "the message is empty: regenerate it"
    } else if message.text.len() > MAX_CONTINUED_BYTES {
        "the message is too long to be continued: send a message"
    } else {
        return Ok(message);
    };
    Err(Error::Unsuitable(refusal))
}
