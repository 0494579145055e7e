//! Ends a running generation.

use mesh::Ctx;

use super::live::ended;
use super::{Chats, Error};
use crate::domain::generation::{Generation, State};
use crate::domain::ids::GenerationId;
use crate::infrastructure::queries::generations;

impl Chats {
    /// Ends a running generation and keeps its text; one that has ended stays as it is.
    pub(crate) async fn cancel_generation(
        &self,
        ctx: &Ctx,
        id: GenerationId,
    ) -> Result<Generation, Error> {
        let user = ctx.user_id()?;
        let watched = self.live.find(id);
        let generation = self.find_generation(user, id).await?;
        match watched {
            Some(watched) => {
                watched.cancel.cancel();
                ended(watched.progress).await;
            }
            None if generation.state == State::Running => self.cancel_elsewhere(id).await?,
            None => return Ok(generation),
        }
        self.find_generation(user, id).await
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
