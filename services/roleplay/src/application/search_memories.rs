//! Finds memories by their meaning, for people.

use mesh::Ctx;

use super::{Error, Memories};
use crate::domain::ids::SessionId;
use crate::domain::memory::Memory;

/// How many more are looked at than are wanted, because other branches remember too.
const OVERHANG: usize = 4;

impl Memories {
    /// At most `limit` memories of a session's branch that are near to a text, the nearest first.
    pub(crate) async fn search_memories(
        &self,
        ctx: &Ctx,
        session: SessionId,
        text: String,
        limit: usize,
    ) -> Result<Vec<(Memory, f32)>, Error> {
        let session = self.get_session(ctx, session).await?;
        let near = self.near(ctx, session.id, text, limit * OVERHANG).await?;
        let mut near = self.on_path(session.id, session.branch.head, near).await?;
        near.truncate(limit);
        Ok(near)
    }
}
