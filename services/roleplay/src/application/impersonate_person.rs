//! Lets the model write the person's next message.

use mesh::Ctx;
use service::RequestKey;

use super::compile_prompt::Wanted;
use super::start_generation::{Opening, Speaker, Start, Started, Target};
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::prompt::Kind;

impl Chats {
    /// Starts a message of the person after `parent`, or after the last of the branch.
    pub(crate) async fn impersonate_person(
        &self,
        ctx: &Ctx,
        session: SessionId,
        parent: Option<MessageId>,
        key: Option<RequestKey>,
    ) -> Result<Started, Error> {
        let session = match self.opening(ctx, session, key.as_ref()).await? {
            Opening::Idle(session) => *session,
            Opening::Earlier(earlier) => return Ok(Started::Earlier(earlier)),
        };
        let parent = parent.or(session.branch.head);
        let wanted = Wanted::after(parent, Kind::Impersonate);
        let prompt = self.compile(ctx, &session, wanted).await?;
        let target = Target::Swipe {
            parent,
            speaker: Speaker::Person(prompt.player_name.clone()),
        };
        let start = Start {
            session,
            kind: Kind::Impersonate,
            key,
            target,
            prompt,
        };
        self.start(ctx, start).await
    }
}
