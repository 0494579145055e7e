//! Lists generations.

use mesh::Ctx;

use super::page::{fitting, wanted};
use super::{Chats, Error};
use crate::domain::generation::Generation;
use crate::domain::ids::{GenerationId, SessionId};
use crate::infrastructure::queries::generations;

/// Characters of text after which a page ends, so that it fits an answer of gRPC whatever the characters are.
const PAGE_CHARS: i64 = 1 << 19;

impl Chats {
    /// At most `limit` generations of a session that are older than `before`, newest first, with their texts so
    /// far; and whether there are more.
    pub(crate) async fn list_generations(
        &self,
        ctx: &Ctx,
        session: SessionId,
        before: Option<GenerationId>,
        limit: usize,
    ) -> Result<(Vec<Generation>, bool), Error> {
        let (db, session) = (self.db.read(), self.get_session(ctx, session).await?.id);
        let found = generations::lengths(db, session, before, wanted(limit)).await?;
        let (ids, more) = fitting(&found, limit, PAGE_CHARS);
        let mut listed = generations::load(db, session, ids).await?;
        for generation in &mut listed {
            if !generation.state.is_ended() {
                *generation = self.get_generation(ctx, generation.id).await?;
            }
        }
        Ok((listed, more))
    }
}
