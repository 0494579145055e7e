//! Sends a person's message, and lets the character reply.

use mesh::Ctx;

use super::compile_prompt::Wanted;
use super::start_generation::{Opening, Start, Started, Target};
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::Author;
use crate::domain::prompt::Kind;
use crate::infrastructure::queries::messages::NewMessage;

/// A message to send.
pub(crate) struct SendMessage {
    /// The session.
    pub(crate) session_id: SessionId,
    /// What the person says.
    pub(crate) text: String,
    /// The message to answer; none for the last of the branch.
    pub(crate) parent_id: Option<MessageId>,
    /// The client's id of the request; empty for none.
    pub(crate) request_id: String,
}

impl Chats {
    /// Stores the message and starts its reply. A request of an id that came before starts nothing and returns what
    /// that one started.
    pub(crate) async fn send_message(
        &self,
        ctx: &Ctx,
        request: SendMessage,
    ) -> Result<Started, Error> {
        let session = match self
            .opening(ctx, request.session_id, &request.request_id)
            .await?
        {
            Opening::Idle(session) => *session,
            Opening::Earlier(earlier) => return Ok(Started::Earlier(earlier)),
        };
        let parent = request.parent_id.or(session.branch.head);
        let id = MessageId::new();
        let wanted = Wanted {
            kind: Kind::Reply,
            tip: parent,
            said: Some(&request.text),
            said_id: Some(id),
        };
        let prompt = self.compile(ctx, &session, wanted).await?;
        let said = NewMessage {
            id,
            author: Author::Person,
            speaker_name: prompt.player_name.clone(),
            text: request.text,
            generation_id: None,
            create_time: self.host.clock.now(),
        };
        let target = Target::Answer { parent, said };
        let start = Start {
            session,
            kind: Kind::Reply,
            request_id: request.request_id,
            target,
            prompt,
        };
        self.start(ctx, start).await
    }
}
