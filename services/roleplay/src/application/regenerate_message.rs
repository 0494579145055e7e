//! Generates another text in place of a message that a model wrote, or of a greeting.

use mesh::Ctx;
use service::RequestKey;

use super::compile_prompt::Wanted;
use super::start_generation::{Opening, Speaker, Start, Started, Target};
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::{Author, Message};
use crate::domain::prompt::Kind;
use crate::infrastructure::queries::messages;

impl Chats {
    /// Starts a new swipe of a character's message, the greeting included, or of one that a model wrote for the person. What
    /// followed the old one stays behind it. A message that was discarded, since nothing was written for it, can be tried again.
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
        let message = messages::find_written(self.db.read(), session.id, id).await?;
        let message = message.ok_or(Error::NotFound("message"))?;
        let (kind, parent) = (kind_of(&message)?, message.parent_id);
        let wanted = Wanted::after(parent, kind);
        let prompt = self.compile(ctx, &session, wanted).await?;
        let speaker = match message.author {
            Author::Character => Speaker::Character,
            Author::Person => Speaker::Person(prompt.player_name.clone()),
        };
        let target = Target::Swipe { parent, speaker };
        let start = Start {
            session,
            kind,
            key,
            target,
            prompt,
        };
        self.start(ctx, start).await
    }
}

/// What the model is to do for another text of a message.
fn kind_of(message: &Message) -> Result<Kind, Error> {
    match (message.author, message.generation_id) {
        (Author::Character, _) => Ok(Kind::Regenerate),
        (Author::Person, Some(_)) => Ok(Kind::Impersonate),
        (Author::Person, None) => Err(Error::Unsuitable(
            "only what a model or a card wrote can be regenerated: edit this message, or reply to it",
        )),
    }
}
