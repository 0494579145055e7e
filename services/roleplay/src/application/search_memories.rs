//! Finds memories by their meaning, for people.

use std::collections::HashSet;

use mesh::Ctx;

use super::access::enter_as_caller;
use super::ancestry::Path;
use super::{Error, Memories};
use crate::domain::ids::SessionId;
use crate::domain::memory::Memory;
use crate::domain::participant::Right;

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
        let session = enter_as_caller(&self.db, ctx, session, Right::Watch).await?;
        let (collection, vector) = self.index.embed_query(ctx, text).await?;
        let near = collection
            .search(session.id, &vector, limit * OVERHANG, &HashSet::new())
            .await?;
        let near = self.read(session.id, &near).await?;
        let path = session.branch.head.map(|tip| Path {
            session: session.id,
            tip,
            recent: &[],
        });
        let mut near = self.on_path(path, near).await?;
        near.truncate(limit);
        Ok(near)
    }
}
