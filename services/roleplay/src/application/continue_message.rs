//! Lets the character continue its last message.

use mesh::Ctx;
use service::RequestKey;

use super::asking::{Asked, Opening, Start, Target};
use super::begin_message::check_continuable;
use super::choose_speakers::kept;
use super::compile_prompt::Wanted;
use super::start_generation::Started;
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::prompt::Kind;
use crate::domain::turn::Round;
use crate::infrastructure::queries::messages;

impl Chats {
    /// Starts a generation whose text is added to the last message of the branch, which must be the character's.
    pub(crate) async fn continue_message(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: MessageId,
        key: Option<RequestKey>,
    ) -> Result<Started, Error> {
        let session = match self.opening(ctx, session, key.as_ref(), false).await? {
            Opening::Session { session, .. } => *session,
            Opening::Earlier(earlier) => return Ok(Started::Earlier(earlier)),
        };
        check_continuable(
            messages::find(self.db.read(), session.id, id).await?,
            &session,
        )?;
        let message = messages::find_whole(self.db.read(), session.id, id).await?;
        let gathered = self.gather(ctx, &session, Some(id)).await?;
        let who = kept(
            &gathered.ensemble,
            &message.ok_or(Error::NotFound("message"))?,
        )?;
        let wanted = Wanted::after(Some(id), Kind::Continue, who);
        let prompt = self.compile(ctx, &session, gathered, wanted).await?;
        let target = Target::End(id);
        let start = Start {
            session,
            kind: Kind::Continue,
            key,
            target,
            asked: Asked::Now(Box::new(prompt)),
            may_wait: false,
            round: Round::default(),
        };
        self.start(ctx, start).await
    }
}
