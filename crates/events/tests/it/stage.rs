//! A process that tells events and one consumer in it that writes a ledger.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use platform::clock::FakeTime;
use platform::config::ServerUrl;
use platform::trace::Cause;
use platform::{Clock, Tasks, Timestamp};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::prelude::{MigrationName, SchemaManager, Table};
use sea_orm_migration::schema::{pk_auto, text};
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};
use storage::database::Transaction;
use storage::{Database, DatabaseConfig, Storage};
use tempfile::TempDir;
use testkit::servers::{Nats, Postgres};
use troupe_events::{Consumer, Events, Failure, Handler, Inspector, NatsConfig, Outbox, Received};
use troupe_proto::events::MessageWritten;

/// For what must happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// An outbox that can be written to, and where nothing can be changed.
const REFUSE_ON_SQLITE: &[&str] = &[
    "CREATE TRIGGER no_update BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'not now'); END",
    "CREATE TRIGGER no_delete BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'not now'); END",
];
const ALLOW_ON_SQLITE: &[&str] = &["DROP TRIGGER no_update", "DROP TRIGGER no_delete"];
const REFUSE_ON_POSTGRES: &[&str] = &[
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION ''not now''; END'",
    "CREATE TRIGGER refuse BEFORE UPDATE OR DELETE ON outbox
        FOR EACH ROW EXECUTE FUNCTION refuse()",
];
const ALLOW_ON_POSTGRES: &[&str] = &["DROP TRIGGER refuse ON outbox"];
/// So that five tries take no time.
const PAUSES: [Duration; 4] = [Duration::from_millis(5); 4];

/// What carries events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    InProcess,
    JetStream,
}

/// Where they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
}

/// What outlives processes: the database, and a name of our own at the server.
pub(crate) struct Place {
    folder: TempDir,
    database: DatabaseConfig,
    nats: NatsConfig,
    pub(crate) time: FakeTime,
    clock: Clock,
}

impl Place {
    pub(crate) async fn new(carrier: Carrier, store: Store) -> Self {
        let mut place = match carrier {
            Carrier::InProcess => Self::at(NatsConfig::default()),
            Carrier::JetStream => Self::on(Nats::shared().await.unwrap()),
        };
        if store == Store::Postgres {
            let url = Postgres::shared().await.unwrap().new_database().unwrap();
            place.database = DatabaseConfig {
                url: ServerUrl::new(url),
                max_connections: 4,
                ..DatabaseConfig::default()
            };
        }
        place
    }

    /// A place whose events a server carries.
    pub(crate) fn on(server: &Nats) -> Self {
        Self::at(NatsConfig {
            url: ServerUrl::new(server.url()),
            prefix: server.new_prefix(),
            ..NatsConfig::default()
        })
    }

    /// A place whose events a server carries, as it is configured.
    pub(crate) fn at(nats: NatsConfig) -> Self {
        let (clock, time) = Clock::fake(Timestamp::from_micros(1_700_000_000_000_000));
        Self {
            folder: tempfile::tempdir().unwrap(),
            database: DatabaseConfig::default(),
            nats,
            time,
            clock,
        }
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.nats.prefix
    }

    /// A process without a consumer.
    pub(crate) async fn teller(&self) -> Process {
        self.start(|_| None).await
    }

    /// A process whose consumer does as the script says.
    pub(crate) async fn process(&self, script: Script) -> Process {
        let ledger = Arc::new(Ledger(script));
        self.process_with(|consumer| consumer.on::<MessageWritten, _>(&ledger))
            .await
    }

    /// A process with a consumer of this kind.
    pub(crate) async fn process_with(&self, kind: impl FnOnce(Consumer) -> Consumer) -> Process {
        self.start(|db| Some(kind(Consumer::new("ledger", db).pausing(PAUSES))))
            .await
    }

    async fn start(&self, consumer: impl FnOnce(&Database) -> Option<Consumer>) -> Process {
        let storage = Storage {
            database: self.database.clone(),
            ..Storage::new(self.folder.path())
        };
        let db = Database::open::<Migrator>(&storage, "roleplay");
        let db = db.await.unwrap();
        let events = Events::default();
        let outbox = events.register("roleplay", &db, &self.clock).unwrap();
        if let Some(consumer) = consumer(&db) {
            events.consume(consumer).unwrap();
        }
        let tasks = storage.tasks;
        let started = events.start(&self.nats, &self.clock, &tasks).await;
        started.unwrap();
        Process {
            db,
            outbox,
            nats: self.nats.clone(),
            clock: self.clock.clone(),
            tasks,
            time: self.time.clone(),
        }
    }
}

/// A running process.
pub(crate) struct Process {
    pub(crate) db: Database,
    pub(crate) outbox: Outbox,
    nats: NatsConfig,
    clock: Clock,
    tasks: Tasks,
    time: FakeTime,
}

impl Process {
    /// Tells that a message was written.
    pub(crate) async fn tell(&self, session: &str, message: &str) -> Cause {
        let cause = Cause::new();
        let told = self.try_to_tell(session, message, &cause, Ok(()));
        told.await.unwrap();
        cause
    }

    /// As [`Process::tell`], in a transaction that then ends like this.
    pub(crate) async fn try_to_tell(
        &self,
        session: &str,
        message: &str,
        cause: &Cause,
        end: Result<(), &'static str>,
    ) -> Result<(), DbErr> {
        // No two events are of one instant.
        self.time.advance(Duration::from_micros(1));
        let event = MessageWritten {
            session_id: session.to_owned(),
            message_id: message.to_owned(),
            ..MessageWritten::default()
        };
        let event = &event;
        let tell = self.db.transaction(|tx| {
            Box::pin(async move {
                self.outbox.add(tx, event, cause)?;
                end.map_err(|text| DbErr::Custom(text.to_owned()))
            })
        });
        tell.await
    }

    /// The messages whose effect happened, in the order in which it did.
    pub(crate) async fn ledger(&self) -> Vec<String> {
        let mut select = Query::select();
        select.column("message_id").from("ledger");
        select.order_by("seq", sea_orm::Order::Asc);
        let rows = self.db.read().query_all(&select).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }

    /// Waits until the effect of so many messages has happened.
    pub(crate) async fn until_ledger_has(&self, count: usize) -> Vec<String> {
        until("the ledger is as long as it should be", async || {
            self.ledger().await.len() >= count
        })
        .await;
        self.ledger().await
    }

    /// Waits until everything that was told has left the outbox.
    pub(crate) async fn until_all_is_sent(&self) {
        let inspector = self.inspector().await;
        until("everything is sent", async || {
            inspector.lag().await.unwrap().outboxes[0].unsent == 0
        })
        .await;
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &'static str) -> usize {
        let mut select = Query::select();
        select.expr(Expr::val(1)).from(table);
        self.db.read().query_all(&select).await.unwrap().len()
    }

    /// Lets nobody note that an event was sent.
    pub(crate) async fn refuse_changes_of_outbox(&self) {
        let refuse = match self.db.read().get_database_backend() {
            DbBackend::Postgres => REFUSE_ON_POSTGRES,
            _ => REFUSE_ON_SQLITE,
        };
        for statement in refuse {
            self.execute(statement).await;
        }
    }

    /// Takes that back.
    pub(crate) async fn allow_changes_of_outbox(&self) {
        let allow = match self.db.read().get_database_backend() {
            DbBackend::Postgres => ALLOW_ON_POSTGRES,
            _ => ALLOW_ON_SQLITE,
        };
        for statement in allow {
            self.execute(statement).await;
        }
    }

    async fn execute(&self, statement: &'static str) {
        let execute = self.db.transaction(|tx| {
            Box::pin(async move { tx.execute_unprepared(statement).await.map(drop) })
        });
        execute.await.unwrap();
    }

    pub(crate) async fn inspector(&self) -> Inspector {
        let databases = vec![("roleplay".to_owned(), self.db.clone())];
        let (nats, clock) = (&self.nats, self.clock.clone());
        Inspector::open(databases, nats, clock).await.unwrap()
    }

    pub(crate) async fn stop(self) {
        assert!(self.tasks.shut_down(PATIENCE).await);
        self.db.close().await.unwrap();
    }
}

/// Waits until something holds.
pub(crate) async fn until<F>(what: &str, mut holds: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let done = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(done.is_ok(), "it never came to be that {what}");
}

type Play = dyn Fn(&Received<MessageWritten>) -> Result<(), Failure> + Send + Sync;

/// What the consumer does, and what it was asked to do. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Script {
    play: Arc<Play>,
    pub(crate) asked: Arc<Mutex<Vec<Received<MessageWritten>>>>,
}

impl Script {
    /// Handles everything.
    pub(crate) fn willing() -> Self {
        Self::new(|_| Ok(()))
    }

    pub(crate) fn new(
        play: impl Fn(&Received<MessageWritten>) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Self {
        Self {
            play: Arc::new(play),
            asked: Arc::default(),
        }
    }

    /// How often the handler was called.
    pub(crate) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// A consumer that writes a message at a time.
pub(crate) struct Ledger(pub(crate) Script);

impl Handler<MessageWritten> for Ledger {
    type Prepared = String;

    async fn prepare(&self, event: &Received<MessageWritten>) -> Result<String, Failure> {
        self.0.asked.lock().unwrap().push(event.clone());
        (self.0.play)(event)?;
        Ok(event.event.message_id.clone())
    }

    async fn apply(
        &self,
        tx: &Transaction<'_>,
        _: &Received<MessageWritten>,
        message: &String,
    ) -> Result<(), Failure> {
        write(tx, [message.as_str()]).await
    }
}

/// Writes messages to the ledger.
pub(crate) async fn write(
    tx: &Transaction<'_>,
    messages: impl IntoIterator<Item = &str>,
) -> Result<(), Failure> {
    let mut insert = Query::insert();
    insert.into_table("ledger").columns(["message_id"]);
    for message in messages {
        insert.values_panic([message.into()]);
    }
    Ok(tx.execute(&insert).await.map(drop)?)
}

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = troupe_events::migrations();
        migrations.push(Box::new(LedgerTable));
        migrations
    }
}

struct LedgerTable;

impl MigrationName for LedgerTable {
    fn name(&self) -> &'static str {
        "m0001_ledger"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for LedgerTable {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("ledger")
            .col(pk_auto("seq"))
            .col(text("message_id"));
        manager.create_table(table).await
    }
}
