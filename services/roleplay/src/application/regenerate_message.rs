//! Generates another reply in place of a character's message.

use mesh::Ctx;
use service::RequestKey;

use super::compile_prompt::Wanted;
use super::start_generation::{Opening, Start, Started, Target};
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::Author;
use crate::domain::prompt::Kind;

impl Chats {
    /// Starts a new swipe of a character's message, the greeting included. What followed the old one stays behind it.
    pub(crate) async fn regenerate_message(
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
        let message = self.get_message(ctx, &session, id).await?;
        if message.author != Author::Character {
            let refusal =
                "only a character's message can be regenerated: edit this one, or send another";
            return Err(Error::Unsuitable(refusal));
        }
        let parent = message.parent_id;
        let wanted = Wanted {
            kind: Kind::Regenerate,
            tip: parent,
            said: None,
            said_id: None,
        };
        let prompt = self.compile(ctx, &session, wanted).await?;
        let target = Target::Swipe { parent };
        let start = Start {
            session,
            kind: Kind::Regenerate,
            key,
            target,
            prompt,
        };
        self.start(ctx, start).await
    }
}
