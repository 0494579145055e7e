//! Lets the character answer a message that is there.

use mesh::Ctx;
use service::RequestKey;

use super::compile_prompt::Wanted;
use super::start_generation::{Opening, Speaker, Start, Started, Target};
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::Author;
use crate::domain::prompt::Kind;

impl Chats {
    /// Starts an answer to a person's or a narrator's message: its first, or another swipe of those that it has.
    pub(crate) async fn reply_to_message(
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
        if message.author == Author::Character {
            let refusal = "a character doesn't answer itself: continue or regenerate the message";
            return Err(Error::Unsuitable(refusal));
        }
        let wanted = Wanted::after(Some(id), Kind::Reply);
        let prompt = self.compile(ctx, &session, wanted).await?;
        let target = Target::Swipe {
            parent: Some(id),
            speaker: Speaker::Character,
        };
        let start = Start {
            session,
            kind: Kind::Reply,
            key,
            target,
            prompt,
        };
        self.start(ctx, start).await
    }
}
