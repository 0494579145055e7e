//! A consumer that hears every event that a service tells.

use std::sync::Arc;

use events::{Consumer, Failure, Handler, Received};
use platform::Timestamp;
use platform::id::EventId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};
use service::Host;
use storage::Database;
use storage::database::Transaction;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use troupe_proto::Event;
use troupe_proto::events as told;

use crate::waiting::eventually;

/// The consumer.
#[derive(Debug)]
pub struct Witness(UnboundedReceiver<Heard>);

/// An event that it heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its id.
    pub id: EventId,
    /// When it happened.
    pub time: Timestamp,
    /// The full name of its message.
    pub type_name: &'static str,
    /// What it is in order with.
    pub key: String,
    bytes: Vec<u8>,
}

struct Hearing(UnboundedSender<Heard>);

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        events::migrations()
    }
}

impl Witness {
    /// Listens from now on, and starts the events of the process.
    ///
    /// # Errors
    /// Its store can't be opened, or events have started.
    pub async fn enter(host: &Host) -> Result<Self, Box<dyn std::error::Error>> {
        Self::enter_as(host, "witness", |consumer| consumer).await
    }

    /// Comes later than the first, and also wants to hear what is told again.
    ///
    /// # Errors
    /// As those of [`Witness::enter`].
    pub async fn enter_late(host: &Host) -> Result<Self, Box<dyn std::error::Error>> {
        Self::enter_as(host, "late", Consumer::with_history).await
    }

    async fn enter_as(
        host: &Host,
        name: &'static str,
        with: impl FnOnce(Consumer) -> Consumer,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let db = Database::open::<Migrator>(&host.storage(), "witness").await?;
        let (tell, heard) = unbounded_channel();
        let hearing = &Arc::new(Hearing(tell));
        let consumer = Consumer::new(name, &db)
            .on::<told::AccountRegistered, _>(hearing)
            .on::<told::AccountDeleted, _>(hearing)
            .on::<told::UsageRecorded, _>(hearing)
            .on::<told::ProviderStateChanged, _>(hearing)
            .on::<told::CharacterCreated, _>(hearing)
            .on::<told::SessionCreated, _>(hearing)
            .on::<told::SessionDeleted, _>(hearing)
            .on::<told::MessageWritten, _>(hearing)
            .on::<told::MessagesDeleted, _>(hearing)
            .on::<told::GenerationStarted, _>(hearing)
            .on::<told::GenerationEnded, _>(hearing)
            .on::<told::SwipeSelected, _>(hearing)
            .on::<told::BranchSelected, _>(hearing)
            .on::<told::MemoryChanged, _>(hearing)
            .on::<told::ParticipantJoined, _>(hearing)
            .on::<told::ParticipantLeft, _>(hearing)
            .on::<told::ParticipantRoleChanged, _>(hearing)
            .on::<told::InvitationCreated, _>(hearing);
        host.events.consume(with(consumer))?;
        host.start_events().await?;
        Ok(Self(heard))
    }

    /// The next event.
    pub async fn hear(&mut self) -> Option<Heard> {
        eventually("something is told", self.0.recv()).await
    }

    /// The next event of a type; others are passed over.
    pub async fn hear_of<E: Event>(&mut self) -> E {
        let mut found = None;
        while found.is_none() {
            found = self.hear().await.and_then(|heard| heard.read());
        }
        found.unwrap_or_default()
    }

    /// The next event of each of two types, in whatever order: events of different keys have none. Others are passed over.
    pub async fn hear_both<A: Event, B: Event>(&mut self) -> (A, B) {
        let mut found = (None, None);
        while found.0.is_none() || found.1.is_none() {
            let heard = self.hear().await;
            let heard = heard.as_ref();
            found.0 = found.0.or_else(|| heard?.read());
            found.1 = found.1.or_else(|| heard?.read());
        }
        (found.0.unwrap_or_default(), found.1.unwrap_or_default())
    }

    /// What was heard and not asked for by now.
    pub fn heard(&mut self) -> Vec<Heard> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

impl Heard {
    /// The event, if it is of the type.
    pub fn read<E: Event>(&self) -> Option<E> {
        let is_of_type = self.type_name == E::TYPE;
        is_of_type
            .then(|| E::from_bytes(&self.bytes).ok())
            .flatten()
    }
}

impl<E: Event> Handler<E> for Hearing {
    type Prepared = ();

    async fn prepare(&self, _: &Received<E>) -> Result<(), Failure> {
        Ok(())
    }

    async fn apply(
        &self,
        _: &Transaction<'_>,
        event: &Received<E>,
        (): &(),
    ) -> Result<(), Failure> {
        let heard = Heard {
            id: event.id,
            time: event.time,
            type_name: E::TYPE,
            key: event.event.key().to_owned(),
            bytes: event.event.to_bytes(),
        };
        let _over = self.0.send(heard);
        Ok(())
    }
}

/// Lets a service tell nothing: whatever would, fails.
///
/// # Errors
/// The store fails.
pub async fn silence(db: &Database) -> Result<(), DbErr> {
    let statements: &[&str] = match db.read().get_database_backend() {
        DbBackend::Postgres => &[
            "CREATE FUNCTION silence() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN RAISE EXCEPTION ''not now''; END'",
            "CREATE TRIGGER silence BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION silence()",
        ],
        _ => &[
            "CREATE TRIGGER silence BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'not now'); END",
        ],
    };
    let run = db.transaction(|tx| {
        Box::pin(async move {
            for statement in statements {
                tx.execute_unprepared(statement).await?;
            }
            Ok(())
        })
    });
    run.await
}
