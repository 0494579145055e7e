//! Keeps the vectors of memories as their rows are. Each step can be done again; a row says that it has a vector only
//! after the vector is stored.

use mesh::Ctx;

use super::{Error, Memories};
use crate::domain::cast::MAX_CAST;
use crate::domain::generation::State;
use crate::domain::ids::{MemoryId, MessageId, SessionId};
use crate::domain::memory::Memory;
use crate::domain::message::Author;
use crate::infrastructure::index::{Collection, MAX_EMBEDDED};
use crate::infrastructure::queries::{memories, messages};
use crate::infrastructure::tables::message;

/// Messages before the first that is none of a session's greetings.
const MAX_GREETED: i32 = MAX_CAST as i32;

/// Whether it may have been a greeting.
fn is_greeting(message: &message::Model) -> bool {
    message.author == Author::Character && message.generation_id.is_none()
}

impl Memories {
    /// Makes a message a memory, and the greetings that it answers. Returns those that are to be embedded.
    pub(crate) async fn remember(
        &self,
        session: SessionId,
        message: MessageId,
    ) -> Result<Vec<MemoryId>, Error> {
        self.remember_one(session, message).await?;
        let mut remembered = vec![MemoryId::of_message(message)];
        let found = messages::find(self.db.read(), session, message).await?;
        // What comes first in a session has its last words only when it is answered: a greeting of each character.
        let near = found.filter(|message| message.depth <= MAX_GREETED);
        let mut before = near.and_then(|message| message.parent_id);
        while let Some(id) = before {
            let found = messages::find(self.db.read(), session, id).await?;
            let Some(greeting) = found.filter(is_greeting) else {
                break;
            };
            if !self.remember_one(session, id).await? {
                break;
            }
            remembered.push(MemoryId::of_message(id));
            before = greeting.parent_id;
        }
        Ok(remembered)
    }

    /// Makes a message that has its text a memory. False if it is one, or somebody deleted that.
    async fn remember_one(&self, session: SessionId, message: MessageId) -> Result<bool, Error> {
        let id = MemoryId::of_message(message);
        if memories::find(self.db.read(), session, id).await?.is_some() {
            return Ok(false);
        }
        let now = self.clock.now();
        let insert = self.db.transaction(|tx| {
            Box::pin(async move {
                let found = messages::find(tx, session, message).await?;
                if found.is_some_and(|message| can_be_remembered(&message)) {
                    memories::insert_of_message(tx, session, message, now).await?;
                }
                Ok::<_, Error>(())
            })
        });
        insert.await.map(|()| true)
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
        let collection = self.collection(ctx).await?;
        Ok(collection.delete(session, ids).await?)
    }

    /// Forgets all vectors of a session.
    pub(crate) async fn forget_session(&self, ctx: &Ctx, session: SessionId) -> Result<(), Error> {
        let collection = self.collection(ctx).await?;
        Ok(collection.delete_session(session).await?)
    }

    /// The vectors that were used last: what is to be forgotten is forgotten also while nothing embeds.
    async fn collection(&self, ctx: &Ctx) -> Result<Collection, Error> {
        match self.index.opened().await {
            Some(collection) => Ok(collection),
            None => Ok(self.index.collection(ctx).await?),
        }
    }
}

/// Whether a message has its text, and one that models may read.
fn can_be_remembered(message: &message::Model) -> bool {
    let has_text = !message.text.is_empty() && !message.is_template;
    has_text && message.state != State::Running && message.kind.is_for_models()
}
