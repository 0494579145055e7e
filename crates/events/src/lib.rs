//! Events: what happens in a service, told to whoever wants to know, once.
//!
//! A service writes an event into its outbox in the transaction of the change that it tells of. From there it is carried to
//! consumers, in the process or over NATS JetStream; both keep the same rules:
//!
//! - An event is told if and only if its transaction is committed, and however often anything dies.
//! - It may come more than once. Its effect happens once: the handler's transaction also notes the event as handled.
//! - Events of one key come one after another, in the order they were written.
//! - A handler that fails is called again after a pause; after some tries the event is put aside as a dead letter, from
//!   where it can be tried again. What fails because something is away waits for that, and doesn't count.
//! - A consumer gets what happens from its first start on. What is older can be told again ([`retell()`]), with the same ids,
//!   to consumers that [want it](Consumer::with_history).
//!
//! A service that tells:
//!
//! ```no_run
//! # use events::Outbox;
//! # use platform::trace::Cause;
//! # use storage::Database;
//! # use troupe_proto::events::SessionDeleted;
//! # use troupe_events as events;
//! # async fn delete_session(db: &Database, outbox: &Outbox, cause: &Cause) -> Result<(), sea_orm::DbErr> {
//! // In `build`, once: let outbox = host.events.register("roleplay", &db, &host.clock)?;
//! let event = &SessionDeleted::default();
//! db.transaction(|tx| {
//!     Box::pin(async move {
//!         // ... the change itself, then:
//!         outbox.add(tx, event, cause).map(drop)
//!     })
//! })
//! .await
//! # }
//! ```
//!
//! A consumer that wants to know:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use events::{Consumer, Failure, Handler, Received};
//! # use storage::Database;
//! # use storage::database::Transaction;
//! # use troupe_proto::events::MessageWritten;
//! # use troupe_events as events;
//! struct Counts;
//!
//! impl Handler<MessageWritten> for Counts {
//!     type Prepared = u64;
//!
//!     /// Calls to others and rows of other stores belong here. It may be done again, so it must bear that.
//!     async fn prepare(&self, event: &Received<MessageWritten>) -> Result<u64, Failure> {
//!         Ok(event.event.message_id.len() as u64)
//!     }
//!
//!     /// Rows of the consumer's own database belong here: this happens once.
//!     async fn apply(
//!         &self,
//!         tx: &Transaction<'_>,
//!         event: &Received<MessageWritten>,
//!         length: &u64,
//!     ) -> Result<(), Failure> {
//!         // ... write to `tx`; `?` turns its errors into failures
//! #       let _ = (tx, event, length);
//!         Ok(())
//!     }
//! }
//!
//! # fn build(events: &events::Events, db: &Database) -> Result<(), events::RegisterError> {
//! // In `build`. The process starts all consumers once every service is built.
//! let counts = Arc::new(Counts);
//! events.consume(Consumer::new("counts", db).on::<MessageWritten, _>(&counts))
//! # }
//! ```
//!
//! A consumer that only appends rows handles many events in one transaction: [`Consumer::in_batches`].
//!
//! Both services list [`migrations()`] in their migrator.

pub mod bus;
mod config;
mod consumer;
mod embedded;
mod envelope;
mod hub;
mod inspect;
mod jetstream;
mod meters;
mod migrations;
mod nats;
mod outbox;
mod queries;
mod relay;
mod retell;
mod retellable;
mod retention;
mod runner;
mod shown;
mod tables;
mod transport;
mod turns;
mod twice;

pub use crate::nats::AddressError;
pub use bus::Bus;
pub use config::NatsConfig;
pub use consumer::{BatchHandler, Consumer, Failure, Handler, Received};
pub use envelope::Envelope;
pub use hub::{Events, StartError};
pub use inspect::{ConsumerLag, DeadLetter, InspectError, Inspector, Lag, OutboxLag};
pub use migrations::migrations;
pub use outbox::Outbox;
pub use retell::{History, HistoryPage, retell};
pub use retellable::{Retellable, Retold};
pub use twice::RegisterError;
