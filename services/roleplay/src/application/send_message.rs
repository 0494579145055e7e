//! Sends a person's message, and lets the character reply.

use mesh::Ctx;
use service::RequestKey;

use super::asking::{Opening, Parent, Start, Target};
use super::choose_speakers::Choosing;
use super::compile_prompt::Wanted;
use super::start_generation::Started;
use super::turns::speaker_name;
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, MessageId, SessionId};
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
    /// Who answers; none for whom the session lets answer.
    pub(crate) character_id: Option<CharacterId>,
    /// What tells a repeat of the request, where it has an id.
    pub(crate) key: Option<RequestKey>,
}

impl Chats {
    /// Stores the message and starts its reply, which waits for its turn where something is generated. A repeat of a request starts nothing and returns what the first
    /// started.
    pub(crate) async fn send_message(
        &self,
        ctx: &Ctx,
        request: SendMessage,
    ) -> Result<Started, Error> {
        let opening = self.opening(ctx, request.session_id, request.key.as_ref(), true);
        let (session, waits) = match opening.await? {
            Opening::Session { session, waits } => (*session, waits),
            Opening::Earlier(earlier) => return Ok(Started::Earlier(earlier)),
        };
        let parent = Parent::asked(request.parent_id, &session);
        let tip = parent.now(&session);
        let gathered = self.gather(ctx, &session, tip).await?;
        let ensemble = gathered.ensemble.clone();
        let choosing = Choosing {
            named: request.character_id,
            tip,
            said: Some(&request.text),
            most: None,
        };
        let (speaker, round) = self.speakers(&session, &ensemble, choosing).await?;
        let id = MessageId::new();
        let wanted = Wanted {
            kind: Kind::Reply,
            tip,
            said: Some(&request.text),
            said_id: Some(id),
            kind_said: request.kind,
            speaker,
        };
        let asked = self.asked(ctx, &session, gathered, wanted, waits).await?;
        let said = NewMessage {
            id,
            author: Author::Person,
            by: Some((session.me.id, session.me.persona_id)),
            character_id: None,
            kind: request.kind,
            speaker_name: speaker_name(request.kind, asked.player_name()),
            text: asked.said(),
            generation_id: None,
            create_time: self.clock.now(),
            is_template: false,
        };
        let target = Target::Answer {
            parent,
            said,
            speaker: ensemble.voice(speaker),
        };
        let start = Start {
            session,
            kind: Kind::Reply,
            key: request.key,
            target,
            asked,
            may_wait: true,
            round,
        };
        self.start(ctx, start).await
    }
}
