//! Sends a person's message, and lets the character reply.

use mesh::Ctx;
use service::RequestKey;

use super::compile_prompt::{Wanted, speaker_name};
use super::start_generation::{Opening, Start, Started, Target};
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::message::{Author, MessageKind};
use crate::domain::prompt::Kind;
use crate::infrastructure::queries::messages::NewMessage;

/// A message to send.
pub(crate) struct SendMessage {
    /// The session.
    pub(crate) session_id: SessionId,
    /// What the person says.
    pub(crate) text: String,
    /// In which voice.
    pub(crate) kind: MessageKind,
    /// The message to answer; none for the last of the branch.
    pub(crate) parent_id: Option<MessageId>,
    /// What tells a repeat of the request, where it has an id.
    pub(crate) key: Option<RequestKey>,
}

impl Chats {
    /// Stores the message and starts its reply. A repeat of a request starts nothing and returns what the first
    /// started.
    pub(crate) async fn send_message(
        &self,
        ctx: &Ctx,
        request: SendMessage,
    ) -> Result<Started, Error> {
        let session = match self
            .opening(ctx, request.session_id, request.key.as_ref())
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
            kind_said: request.kind,
        };
        let prompt = self.compile(ctx, &session, wanted).await?;
        let said = NewMessage {
            id,
            author: Author::Person,
            kind: request.kind,
            speaker_name: speaker_name(request.kind, &prompt.player_name),
            text: prompt.spoken.said.clone().unwrap_or_default(),
            generation_id: None,
            create_time: self.host.clock.now(),
            is_template: false,
        };
        let target = Target::Answer { parent, said };
        let start = Start {
            session,
            kind: Kind::Reply,
            key: request.key,
            target,
            prompt,
        };
        self.start(ctx, start).await
    }
}
