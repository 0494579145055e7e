//! Handlers that take many events at once.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use futures::future::BoxFuture;
use storage::database::{Transaction, TransactionFuture};
use troupe_proto::Event;

use super::{Effect, Failure, Received, Route};
use crate::Envelope;

/// Handles many events of one type in one transaction, for consumers that only append: a transaction costs more than a row.
///
/// It should cost the same whatever is in the tables, and touch no row that other events touch too. What must be looked up
/// elsewhere is for a [`Handler`](super::Handler), which has events one by one.
pub trait BatchHandler<E: Event>: Send + Sync + 'static {
    /// Makes the effects of events, which come in the order of their keys, in the transaction that also notes them as handled.
    /// Called again where the database wants the transaction repeated. Where it fails, it is called with each of them alone, and
    /// one that fails then is tried again and put aside by itself.
    fn apply(
        &self,
        tx: &Transaction<'_>,
        events: &[Received<E>],
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A handler of many events whose type is known by its name only.
pub(crate) trait BatchRoute: Send + Sync {
    /// Reads events of the type. What is left is for the transaction.
    fn read(&self, envelopes: &[&Envelope]) -> Result<Arc<dyn Effect>, Failure>;
}

pub(super) struct Typed<E, H> {
    handler: Arc<H>,
    event: PhantomData<fn() -> E>,
}

struct Ready<E: Event, H: BatchHandler<E>> {
    handler: Arc<H>,
    events: Vec<Received<E>>,
}

impl<E: Event, H: BatchHandler<E>> Typed<E, H> {
    pub(super) fn new(handler: &Arc<H>) -> Arc<Self> {
        Arc::new(Self {
            handler: Arc::clone(handler),
            event: PhantomData,
        })
    }

    fn ready(&self, events: Vec<Received<E>>) -> Arc<dyn Effect> {
        Arc::new(Ready {
            handler: Arc::clone(&self.handler),
            events,
        })
    }
}

impl<E: Event, H: BatchHandler<E>> BatchRoute for Typed<E, H> {
    fn read(&self, envelopes: &[&Envelope]) -> Result<Arc<dyn Effect>, Failure> {
        let events = envelopes.iter();
        let events = events.map(|envelope| Received::read(envelope, 0));
        Ok(self.ready(events.collect::<Result<_, _>>()?))
    }
}

/// For an event whose batch has failed.
impl<E: Event, H: BatchHandler<E>> Route for Typed<E, H> {
    fn prepare<'a>(
        &'a self,
        envelope: &'a Envelope,
        earlier_tries: u32,
    ) -> BoxFuture<'a, Result<Arc<dyn Effect>, Failure>> {
        let alone = Received::read(envelope, earlier_tries);
        Box::pin(std::future::ready(
            alone.map(|event| self.ready(vec![event])),
        ))
    }
}

impl<E: Event, H: BatchHandler<E>> Effect for Ready<E, H> {
    fn apply<'a>(&'a self, tx: &'a Transaction<'a>) -> TransactionFuture<'a, (), Failure> {
        Box::pin(self.handler.apply(tx, &self.events))
    }
}
