//! Ends a running generation.

use mesh::Ctx;

use super::live::ended;
use super::watch_generation::Viewer;
use super::{Chats, Error};
use crate::domain::generation::Generation;
use crate::domain::ids::GenerationId;
use crate::domain::participant::{Refusal, Right};
use crate::infrastructure::queries::generations;

impl Chats {
    /// Ends a generation that runs or waits and keeps its text; one that has ended stays as it is. This is for who asked for it, and
    /// for the owner of the session.
    pub(crate) async fn cancel_generation(
        &self,
        ctx: &Ctx,
        id: GenerationId,
    ) -> Result<Generation, Error> {
        let viewer = Viewer::of(ctx)?;
        let watched = self.live.find(id);
        let generation = self.find_generation(viewer, id).await?;
        let me = self.get_session(ctx, generation.session_id).await?.me;
        if !me.role.has(Right::Manage) && generation.participant_id != Some(me.id) {
            return Err(Refusal::OthersReply { role: me.role }.into());
        }
        match watched {
            Some(watched) => {
                watched.cancel.cancel();
                ended(watched.progress).await;
            }
            None if !generation.state.is_ended() => self.cancel_elsewhere(id).await?,
            None if generation.next_id.is_none() => return Ok(generation),
            None => {}
        }
        let generation = self.find_generation(viewer, id).await?;
        self.cancel_following(viewer, generation.next_id).await?;
        Ok(generation)
    }

    /// Ends what followed a generation by itself, so that nothing follows any more.
    async fn cancel_following(
        &self,
        viewer: Viewer,
        mut next: Option<GenerationId>,
    ) -> Result<(), Error> {
        while let Some(id) = next {
            let watched = self.live.find(id);
            let generation = self.find_generation(viewer, id).await?;
            match watched {
                Some(watched) => {
                    watched.cancel.cancel();
                    ended(watched.progress).await;
                }
                None if !generation.state.is_ended() => self.cancel_elsewhere(id).await?,
                None => {}
            }
            next = self.find_generation(viewer, id).await?.next_id;
        }
        Ok(())
    }

    /// Has the process end it that runs it. Should none, it is ended here.
    async fn cancel_elsewhere(&self, id: GenerationId) -> Result<(), Error> {
        let ask = self
            .db
            .transaction(|tx| Box::pin(async move { generations::request_cancel(tx, id).await }));
        ask.await?;
        self.end_lost(id).await?;
        ended(self.follow(id)).await;
        Ok(())
    }
}
