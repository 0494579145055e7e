//! Ends a running generation.

use mesh::Ctx;

use super::{Chats, Error};
use crate::domain::generation::{Generation, State};
use crate::domain::ids::GenerationId;

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
                watched.ended().await;
            }
            // Its end could not be stored: without this its session would wait for it until a restart.
            None if generation.state == State::Running => {
                self.end_lost(generation, State::Cancelled, ctx.cause())
                    .await?
            }
            None => return Ok(generation),
        }
        self.find_generation(user, id).await
    }
}
