//! Keeps the vectors of memories as their rows are. Each step can be done again; a row says that it has a vector only
//! after the vector is stored.

use mesh::Ctx;
use sea_orm::ConnectionTrait;

use super::{Error, Memories};
use crate::domain::generation::State;
use crate::domain::ids::{MemoryId, MessageId, SessionId};
use crate::domain::memory::Memory;
use crate::infrastructure::index::MAX_EMBEDDED;
use crate::infrastructure::queries::{memories, messages};

impl Memories {
    /// Makes a message that has its text a memory, unless somebody deleted that.
    pub(crate) async fn remember(
        &self,
        tx: &impl ConnectionTrait,
        session: SessionId,
        message: MessageId,
    ) -> Result<(), Error> {
        let found = messages::find(tx, session, message).await?;
        let has_text =
            |text: &str, state: &str| !text.is_empty() && state != State::Running.as_str();
        if found.is_some_and(|message| has_text(&message.text, &message.state)) {
            memories::insert_of_message(tx, session, message, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Stores the vectors of those of these memories that a session has, and forgets those of the others. Returns the
    /// model; the rows are then to be [marked](memories::set_embedded).
    pub(crate) async fn embed(
        &self,
        ctx: &Ctx,
        session: SessionId,
        ids: &[MemoryId],
    ) -> Result<Option<String>, Error> {
        let found = memories::list_of(self.db.read(), session, ids.iter().copied()).await?;
        let is_there = |id: &MemoryId| found.iter().any(|memory| memory.id == *id);
        let gone: Vec<MemoryId> = ids.iter().copied().filter(|id| !is_there(id)).collect();
        if !gone.is_empty() {
            self.forget_vectors(ctx, session, gone).await?;
        }
        if found.is_empty() {
            return Ok(None);
        }
        self.embed_all(ctx, &found).await.map(Some)
    }

    /// Stores the vectors of memories, of whatever sessions, and returns the model.
    pub(super) async fn embed_all(&self, ctx: &Ctx, memories: &[Memory]) -> Result<String, Error> {
        let mut model = String::new();
        for part in memories.chunks(MAX_EMBEDDED) {
            let texts = part.iter().map(|memory| memory.text.clone()).collect();
            let (collection, vectors) = self.index.embed(ctx, texts).await?;
            let ids = part.iter().map(|memory| (memory.session_id, memory.id));
            collection.upsert(ids.zip(vectors)).await?;
            model = collection.model;
        }
        Ok(model)
    }

    /// Forgets the vectors of memories.
    pub(crate) async fn forget_vectors(
        &self,
        ctx: &Ctx,
        session: SessionId,
        ids: Vec<MemoryId>,
    ) -> Result<(), Error> {
        let collection = self.index.collection(ctx).await?;
        Ok(collection.delete(session, ids).await?)
    }

    /// Forgets all vectors of a session.
    pub(crate) async fn forget_session(&self, ctx: &Ctx, session: SessionId) -> Result<(), Error> {
        let collection = self.index.collection(ctx).await?;
        Ok(collection.delete_session(session).await?)
    }
}
