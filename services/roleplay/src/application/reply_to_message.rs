//! Lets the character answer a message that is there.

use mesh::Ctx;
use service::RequestKey;

use super::asking::{Opening, Parent, Start, Target};
use super::choose_speakers::Choosing;
use super::compile_prompt::Wanted;
use super::start_generation::Started;
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, MessageId, SessionId};
use crate::domain::message::Author;
use crate::domain::prompt::Kind;

impl Chats {
    /// Starts an answer to a message, of a single character to a person's or a narrator's: its first, or another swipe of those that it
    /// has. Where something is generated, the answer waits for its turn.
    pub(crate) async fn reply_to_message(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MessageId,
        named: Option<CharacterId>,
        key: Option<RequestKey>,
    ) -> Result<Started, Error> {
        let (session, waits) = match self.opening(ctx, session, key.as_ref(), true).await? {
            Opening::Session { session, waits } => (*session, waits),
            Opening::Earlier(earlier) => return Ok(Started::Earlier(earlier)),
        };
        let message = self.get_message(ctx, &session, id).await?;
        let gathered = self.gather(ctx, &session, Some(id)).await?;
        let ensemble = gathered.ensemble.clone();
        if message.author == Author::Character && !ensemble.is_group() {
            let refusal = "a character doesn't answer itself: continue or regenerate the message";
            return Err(Error::Unsuitable(refusal));
        }
        let choosing = Choosing {
            named,
            tip: Some(id),
            said: (message.author == Author::Person).then_some(&message.text),
            most: None,
        };
        let (speaker, round) = self.speakers(&session, &ensemble, choosing).await?;
        let wanted = Wanted::after(Some(id), Kind::Reply, speaker);
        let asked = self.asked(ctx, &session, gathered, wanted, waits).await?;
        let target = Target::Swipe {
            parent: Parent::At(Some(id)),
            speaker: ensemble.voice(speaker),
        };
        let start = Start {
            session,
            kind: Kind::Reply,
            key,
            target,
            asked,
            may_wait: true,
            round,
        };
        self.start(ctx, start).await
    }
}
