//! Lets the model write the person's next message.

use mesh::Ctx;
use service::RequestKey;

use super::asking::{Opening, Parent, Speaker, Start, Target};
use super::compile_prompt::Wanted;
use super::start_generation::Started;
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::prompt::Kind;
use crate::domain::turn::Round;

impl Chats {
    /// Starts a message of the person after `parent`, or after the last of the branch. Where something is generated, it waits for its
    /// turn.
    pub(crate) async fn impersonate_person(
        &self,
        ctx: &Ctx,
        session: SessionId,
        parent: Option<MessageId>,
        key: Option<RequestKey>,
    ) -> Result<Started, Error> {
        let (session, waits) = match self.opening(ctx, session, key.as_ref(), true).await? {
            Opening::Session { session, waits } => (*session, waits),
            Opening::Earlier(earlier) => return Ok(Started::Earlier(earlier)),
        };
        let parent = Parent::asked(parent, &session);
        let tip = parent.now(&session);
        let gathered = self.gather(ctx, &session, tip).await?;
        let who = self.spoken_to(&session, &gathered.ensemble, tip).await?;
        let wanted = Wanted::after(tip, Kind::Impersonate, who);
        let asked = self.asked(ctx, &session, gathered, wanted, waits).await?;
        let target = Target::Swipe {
            parent,
            speaker: Speaker::Person(asked.player_name().to_owned()),
        };
        let start = Start {
            session,
            kind: Kind::Impersonate,
            key,
            target,
            asked,
            may_wait: true,
            round: Round::default(),
        };
        self.start(ctx, start).await
    }
}
