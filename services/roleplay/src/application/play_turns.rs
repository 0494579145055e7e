//! Lets characters speak without a message of a person.

use mesh::Ctx;
use service::RequestKey;

use super::asking::{Opening, Parent, Start, Target};
use super::choose_speakers::Choosing;
use super::compile_prompt::Wanted;
use super::start_generation::Started;
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, SessionId};
use crate::domain::prompt::Kind;

/// Turns to play.
pub(crate) struct PlayTurns {
    /// The session.
    pub(crate) session_id: SessionId,
    /// Who speaks first; none for whom the session lets speak.
    pub(crate) character_id: Option<CharacterId>,
    /// Most replies; none for one of each who speaks now.
    pub(crate) most: Option<u32>,
    /// What tells a repeat of the request, where it has an id.
    pub(crate) key: Option<RequestKey>,
}

impl Chats {
    /// Starts what a character says after the last message of the branch; others follow by themselves. Where something is generated, it
    /// waits for its turn.
    pub(crate) async fn play_turns(&self, ctx: &Ctx, request: PlayTurns) -> Result<Started, Error> {
        let key = request.key.as_ref();
        let (session, waits) = match self.opening(ctx, request.session_id, key, true).await? {
            Opening::Session { session, waits } => (*session, waits),
            Opening::Earlier(earlier) => return Ok(Started::Earlier(earlier)),
        };
        let parent = Parent::asked(None, &session);
        let tip = parent.now(&session);
        let gathered = self.gather(ctx, &session, tip).await?;
        let ensemble = gathered.ensemble.clone();
        let choosing = Choosing {
            named: request.character_id,
            tip,
            said: None,
            most: request.most,
        };
        let (speaker, round) = self.speakers(&session, &ensemble, choosing).await?;
        let wanted = Wanted::after(tip, Kind::Reply, speaker);
        let asked = self.asked(ctx, &session, gathered, wanted, waits).await?;
        let start = Start {
            session,
            kind: Kind::Reply,
            key: request.key,
            target: Target::Swipe {
                parent,
                speaker: ensemble.voice(speaker),
            },
            asked,
            may_wait: true,
            round,
        };
        self.start(ctx, start).await
    }
}
