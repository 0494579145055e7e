//! The events that memories follow: their vectors are made, changed and forgotten as messages and memories are.
//!
//! Where the embedder is away, an event waits for it. Where there is none, memories are kept without vectors until
//! `troupe memory rebuild` makes them.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use events::{Consumer, Failure, Handler, Received};
use mesh::{Ctx, Role};
use storage::Database;
use storage::database::Transaction;
use troupe_proto::events::{MemoryChanged, MessageWritten, MessagesDeleted, SessionDeleted};

use crate::application::{Error, Memories};
use crate::domain::ids::{MemoryId, MessageId, SessionId};
use crate::infrastructure::queries::memories;

/// For the work on an event.
const TIME_LIMIT: Duration = Duration::from_secs(60);

struct Following(Memories);

/// The memories whose vectors were stored, with the vectors' model.
pub(crate) type Embedded = Option<(Vec<MemoryId>, String)>;

/// The consumer of what happens to messages and memories.
pub(crate) fn consumer(memories: &Memories, db: &Database) -> Consumer {
    let following = Arc::new(Following(memories.clone()));
    Consumer::new("roleplay-memory", db)
        .on::<MessageWritten, _>(&following)
        .on::<MessagesDeleted, _>(&following)
        .on::<SessionDeleted, _>(&following)
        .on::<MemoryChanged, _>(&following)
}

impl Following {
    async fn embed(
        &self,
        ctx: &Ctx,
        session: SessionId,
        ids: Vec<MemoryId>,
    ) -> Result<Embedded, Failure> {
        let model = unless_without_embedder(self.0.embed(ctx, session, &ids).await)?;
        Ok(model.flatten().map(|model| (ids, model)))
    }
}

async fn mark(tx: &Transaction<'_>, embedded: &Embedded) -> Result<(), Failure> {
    if let Some((ids, model)) = embedded {
        memories::set_embedded(tx, ids.iter().copied(), Some(model)).await?;
    }
    Ok(())
}

impl Handler<MessageWritten> for Following {
    type Prepared = Embedded;

    async fn prepare(&self, received: &Received<MessageWritten>) -> Result<Embedded, Failure> {
        let session = id(&received.event.session_id)?;
        let message: MessageId = id(&received.event.message_id)?;
        let ids = self.0.remember(session, message).await.map_err(failure)?;
        self.embed(&ctx(received), session, ids).await
    }

    async fn apply(
        &self,
        tx: &Transaction<'_>,
        _: &Received<MessageWritten>,
        embedded: &Embedded,
    ) -> Result<(), Failure> {
        mark(tx, embedded).await
    }
}

impl Handler<MemoryChanged> for Following {
    type Prepared = Embedded;

    async fn prepare(&self, received: &Received<MemoryChanged>) -> Result<Embedded, Failure> {
        let session = id(&received.event.session_id)?;
        let memory = id(&received.event.memory_id)?;
        self.embed(&ctx(received), session, vec![memory]).await
    }

    async fn apply(
        &self,
        tx: &Transaction<'_>,
        _: &Received<MemoryChanged>,
        embedded: &Embedded,
    ) -> Result<(), Failure> {
        mark(tx, embedded).await
    }
}

/// The rows went with the messages.
impl Handler<MessagesDeleted> for Following {
    type Prepared = ();

    async fn prepare(&self, received: &Received<MessagesDeleted>) -> Result<(), Failure> {
        let session = id(&received.event.session_id)?;
        let messages = received.event.message_ids.iter();
        let messages: Vec<MessageId> = messages
            .map(|message| id(message))
            .collect::<Result<_, _>>()?;
        let memories = messages.into_iter().map(MemoryId::of_message).collect();
        let ctx = ctx(received);
        let forget = self.0.forget_vectors(&ctx, session, memories);
        unless_without_embedder(forget.await).map(drop)
    }

    async fn apply(
        &self,
        _: &Transaction<'_>,
        _: &Received<MessagesDeleted>,
        (): &(),
    ) -> Result<(), Failure> {
        Ok(())
    }
}

/// The rows went with the session.
impl Handler<SessionDeleted> for Following {
    type Prepared = ();

    async fn prepare(&self, received: &Received<SessionDeleted>) -> Result<(), Failure> {
        let session = id(&received.event.session_id)?;
        let ctx = ctx(received);
        let forget = self.0.forget_session(&ctx, session);
        unless_without_embedder(forget.await).map(drop)
    }

    async fn apply(
        &self,
        _: &Transaction<'_>,
        _: &Received<SessionDeleted>,
        (): &(),
    ) -> Result<(), Failure> {
        Ok(())
    }
}

fn ctx<E>(received: &Received<E>) -> Ctx {
    Ctx::of_job(Role::Roleplay, &received.cause, TIME_LIMIT)
}

/// An id of an event.
pub(super) fn id<T: FromStr<Err: Display>>(text: &str) -> Result<T, Failure> {
    let problem = |error: T::Err| Failure::Failed(format!("an id of the event {error}").into());
    text.parse().map_err(problem)
}

fn unless_without_embedder<T>(done: Result<T, Error>) -> Result<Option<T>, Failure> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_without_embedder() => Ok(None),
        Err(error) => Err(failure(error)),
    }
}

/// What a failure means for the handling of an event.
pub(super) fn failure(error: Error) -> Failure {
    if error.is_passing() {
        Failure::Unavailable(error.into())
    } else {
        Failure::Failed(error.into())
    }
}
