//! Whoever wants to know: a name, and a handler for each type of event.

mod batches;

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use platform::Timestamp;
use platform::id::EventId;
use platform::trace::Cause;
use sea_orm::DbErr;
use storage::Database;
use storage::database::{Outage, Transaction, TransactionFuture};
use troupe_proto::Event;

use super::Envelope;
pub use batches::BatchHandler;
pub(super) use batches::BatchRoute;

/// Waits between the tries of an event. One more try than there are waits, then it is dead.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
];

/// Handles events of one type.
///
/// An event may come more than once; its effect happens once if it is in the transaction. What can't be in it, such as a
/// call to another service or a row of another store, belongs in [`Handler::prepare`] and must bear being done again.
pub trait Handler<E: Event>: Send + Sync + 'static {
    /// What is ready for the transaction.
    type Prepared: Send + Sync + 'static;

    /// Does the work outside of the database. It may take long, and is done again whenever anything after it fails.
    fn prepare(
        &self,
        event: &Received<E>,
    ) -> impl Future<Output = Result<Self::Prepared, Failure>> + Send;

    /// Makes the effect, in the transaction that also notes the event as handled. Called again where the database wants
    /// the transaction repeated.
    fn apply(
        &self,
        tx: &Transaction<'_>,
        event: &Received<E>,
        prepared: &Self::Prepared,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// An event that arrived.
#[derive(Debug, Clone)]
pub struct Received<E> {
    /// Its id.
    pub id: EventId,
    /// What happened.
    pub event: E,
    /// When.
    pub time: Timestamp,
    /// The request that it goes back to.
    pub cause: Cause,
    /// How often it was tried before, since this process has it.
    pub earlier_tries: u32,
}

impl<E: Event> Received<E> {
    fn read(envelope: &Envelope, earlier_tries: u32) -> Result<Self, Failure> {
        let event = E::from_bytes(&envelope.payload);
        Ok(Self {
            id: envelope.id,
            event: event.map_err(|error| Failure::Failed(error.into()))?,
            time: envelope.time,
            cause: envelope.cause.clone(),
            earlier_tries,
        })
    }
}

/// Why an event wasn't handled.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something that the handler needs is away. The event waits until it is back, however long that is.
    #[error("something is away: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Anything else. The event is tried some more times and then put aside as a dead letter, with this text: keep
    /// people's texts out of it.
    #[error("{0}")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        match Outage::of(&error) {
            Some(_) => Self::Unavailable(error.into()),
            None => Self::Failed(error.into()),
        }
    }
}

/// A consumer. Its name is for good: by it the consumer finds its place again after a restart.
#[derive(Clone)]
pub struct Consumer {
    pub(super) name: &'static str,
    pub(super) db: Database,
    pub(super) pauses: Vec<Duration>,
    pub(super) routes: HashMap<&'static str, Arc<dyn Route>>,
    /// The handlers that take many events at once.
    pub(super) batches: HashMap<&'static str, Arc<dyn BatchRoute>>,
    pub(super) subjects: Vec<&'static str>,
    /// Whether it takes what happened before its first start.
    pub(super) takes_history: bool,
    handled_twice: Option<&'static str>,
}

impl Consumer {
    /// A consumer whose handlers write to a database, which has the tables of [`migrations`](super::migrations()).
    pub fn new(name: &'static str, db: &Database) -> Self {
        Self {
            name,
            db: db.clone(),
            pauses: PAUSES.to_vec(),
            routes: HashMap::new(),
            batches: HashMap::new(),
            subjects: Vec::new(),
            takes_history: false,
            handled_twice: None,
        }
    }

    /// Handles a type of event.
    #[must_use]
    pub fn on<E: Event, H: Handler<E>>(self, handler: &Arc<H>) -> Self {
        let route = Typed::<E, H> {
            handler: Arc::clone(handler),
            event: PhantomData,
        };
        self.routed::<E>(Arc::new(route))
    }

    /// Handles a type of event many at a time. All types of the consumer must be handled so, or none.
    #[must_use]
    pub fn in_batches<E: Event, H: BatchHandler<E>>(mut self, handler: &Arc<H>) -> Self {
        let route = batches::Typed::<E, H>::new(handler);
        let in_batches = Arc::clone(&route);
        self.batches.insert(E::TYPE, in_batches);
        self.routed::<E>(route)
    }

    fn routed<E: Event>(mut self, route: Arc<dyn Route>) -> Self {
        if self.routes.insert(E::TYPE, route).is_some() {
            self.handled_twice = Some(E::TYPE);
        }
        self.subjects.push(E::SUBJECT);
        self
    }

    /// Whether it handles many events at a time.
    pub(super) fn takes_batches(&self) -> bool {
        !self.batches.is_empty()
    }

    /// Whether it handles some types alone and others many at a time.
    pub(super) fn is_mixed(&self) -> bool {
        self.takes_batches() && self.batches.len() != self.routes.len()
    }

    /// Also takes what happened before its first start, where somebody has it told again. The inbox remembers these events
    /// for good, so that each has its effect once however often it is told.
    #[must_use]
    pub fn with_history(self) -> Self {
        Self {
            takes_history: true,
            ..self
        }
    }

    /// A type of event that has more than one handler.
    pub(super) fn handled_twice(&self) -> Option<&'static str> {
        self.handled_twice
    }

    /// Waits so long between the tries of an event, instead of 1, 5, 30 and 120 seconds. One more try than there are
    /// waits, then it is dead.
    #[must_use]
    pub fn pausing(self, pauses: impl Into<Vec<Duration>>) -> Self {
        Self {
            pauses: pauses.into(),
            ..self
        }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("name", &self.name)
            .field("subjects", &self.subjects)
            .finish_non_exhaustive()
    }
}

/// A handler whose type of event is known by its name only.
pub(super) trait Route: Send + Sync {
    fn prepare<'a>(
        &'a self,
        envelope: &'a Envelope,
        earlier_tries: u32,
    ) -> BoxFuture<'a, Result<Arc<dyn Effect>, Failure>>;
}

/// What is left for the transaction.
pub(super) trait Effect: Send + Sync {
    fn apply<'a>(&'a self, tx: &'a Transaction<'a>) -> TransactionFuture<'a, (), Failure>;
}

struct Typed<E, H> {
    handler: Arc<H>,
    event: PhantomData<fn() -> E>,
}

struct Ready<E: Event, H: Handler<E>> {
    handler: Arc<H>,
    received: Received<E>,
    prepared: H::Prepared,
}

impl<E: Event, H: Handler<E>> Route for Typed<E, H> {
    fn prepare<'a>(
        &'a self,
        envelope: &'a Envelope,
        earlier_tries: u32,
    ) -> BoxFuture<'a, Result<Arc<dyn Effect>, Failure>> {
        Box::pin(async move {
            let received = Received::read(envelope, earlier_tries)?;
            let prepared = self.handler.prepare(&received).await?;
            let ready: Arc<dyn Effect> = Arc::new(Ready {
                handler: Arc::clone(&self.handler),
                received,
                prepared,
            });
            Ok(ready)
        })
    }
}

impl<E: Event, H: Handler<E>> Effect for Ready<E, H> {
    fn apply<'a>(&'a self, tx: &'a Transaction<'a>) -> TransactionFuture<'a, (), Failure> {
        Box::pin(self.handler.apply(tx, &self.received, &self.prepared))
    }
}
