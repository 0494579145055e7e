//! Shows the prompt of the next reply.

use mesh::Ctx;

use super::access::enter_as_caller;
use super::choose_speakers::Choosing;
use super::compile_prompt::{CompiledPrompt, Wanted};
use super::{Chats, Error};
use crate::domain::ids::{CharacterId, SessionId};
use crate::domain::participant::Right;
use crate::domain::prompt::Kind;

impl Chats {
    /// The prompt that the next reply in a session would be generated from, for its owner: it has whole cards.
    pub(crate) async fn preview_prompt(
        &self,
        ctx: &Ctx,
        session: SessionId,
        named: Option<CharacterId>,
    ) -> Result<CompiledPrompt, Error> {
        let session = &enter_as_caller(&self.db, ctx, session, Right::Manage).await?;
        let tip = session.branch.head;
        let gathered = self.gather(ctx, session, tip).await?;
        let ensemble = &gathered.ensemble;
        let speaker = match (named, ensemble.is_group()) {
            (None, false) => ensemble.alone().ok_or(Error::CharacterDeleted)?,
            _ => {
                let choosing = Choosing {
                    named,
                    tip,
                    said: None,
                    most: None,
                };
                self.speakers(session, ensemble, choosing).await?.0
            }
        };
        let wanted = Wanted::after(tip, Kind::Reply, speaker);
        let compiled = self.compile(ctx, session, gathered, wanted).await?;
        Ok(compiled.readable())
    }
}
