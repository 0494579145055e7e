//! Who tells events in this process and who wants to know. Services register while they are built; then it starts.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform::telemetry::is_measuring;
use platform::{Clock, Tasks};
use sea_orm::DbErr;
use storage::Database;
use tokio::sync::Notify;

use super::consumer::Consumer;
use super::embedded::{self, Dispatcher};
use super::jetstream::{self, Publisher, Server};
use super::meters::Meters;
use super::outbox::Outbox;
use super::relay::{POLL, Relay};
use super::retention;
use super::runner::Runner;
use super::transport::Transport;
use super::twice::RegisterError;
use crate::NatsConfig;
use crate::nats::{self, AddressError};

/// What happens while NATS is away.
const WITHOUT: &str = "events wait in the outboxes";

/// The events of a process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    sources: Vec<Source>,
    consumers: Vec<Consumer>,
    has_started: bool,
}

/// An outbox and its database.
#[derive(Clone)]
pub(super) struct Source {
    service: &'static str,
    db: Database,
    wake: Arc<Notify>,
}

/// Events that can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The place of a consumer can't be found.
    #[error("the consumer {0} can't find its place: {1}")]
    Consumer(&'static str, #[source] DbErr),
    /// The server can't be asked for, which isn't that it is away.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// They are carried already.
    #[error("the events of this process were started before")]
    Twice,
}

impl Events {
    /// Registers the outbox of a service in its database, which has the tables of [`migrations`](super::migrations()). From
    /// the start on a relay of its own brings what is written there to consumers: clone the outbox for all who write.
    ///
    /// # Errors
    /// The service has one, or events are carried already.
    pub fn register(
        &self,
        service: &'static str,
        db: &Database,
        clock: &Clock,
    ) -> Result<Outbox, RegisterError> {
        let mut entries = self.entries();
        if entries.has_started {
            return Err(RegisterError::Late(service));
        }
        if entries.sources.iter().any(|known| known.service == service) {
            return Err(RegisterError::Outbox(service));
        }
        let wake = Arc::new(Notify::new());
        entries.sources.push(Source {
            service,
            db: db.clone(),
            wake: Arc::clone(&wake),
        });
        Ok(Outbox {
            service,
            clock: clock.clone(),
            wake,
        })
    }

    /// Registers a consumer. It gets what happens from its first start on, here or in any process, and what it missed
    /// while it didn't run. Without a server, what is told while a process runs is for the consumers of that process: register
    /// all of them wherever their services run.
    ///
    /// # Errors
    /// There is one of its name, it has two handlers of one type, it handles some types in batches and others not, or events are
    /// carried already.
    pub fn consume(&self, consumer: Consumer) -> Result<(), RegisterError> {
        let mut entries = self.entries();
        let name = consumer.name;
        if entries.has_started {
            return Err(RegisterError::Late(name));
        }
        if entries.consumers.iter().any(|known| known.name == name) {
            return Err(RegisterError::Consumer(name));
        }
        if let Some(event) = consumer.handled_twice() {
            let consumer = name;
            return Err(RegisterError::Handler { consumer, event });
        }
        if consumer.is_mixed() {
            return Err(RegisterError::Mixed(name));
        }
        entries.consumers.push(consumer);
        Ok(())
    }

    /// Begins to carry events between all that are registered. What is told earlier waits in the outboxes.
    ///
    /// # Errors
    /// A consumer's database can't be used, or the address of the server. A server that is away is waited for.
    pub async fn start(
        &self,
        config: &NatsConfig,
        clock: &Clock,
        tasks: &Tasks,
    ) -> Result<(), StartError> {
        let (sources, consumers) = self.begin()?;
        let mut runners = Vec::new();
        for consumer in consumers {
            let name = consumer.name;
            let runner = Runner::new(consumer, clock.clone(), tasks.clone()).await;
            runners.push(runner.map_err(|error| StartError::Consumer(name, error))?);
        }
        for runner in &runners {
            tasks.spawn(embedded::replay(Arc::clone(runner)));
            tasks.spawn(retention::forget(Arc::clone(runner)));
        }
        let server = match config.url.is_named() {
            true => Some(Arc::new(Server::connect(config).await?)),
            false => None,
        };
        if let Some(server) = &server {
            let connection = server.connection().clone();
            let watching = nats::watch(connection, config.clone(), WITHOUT, tasks.clone());
            tasks.spawn(watching);
        }
        if is_measuring() {
            let meters = Meters {
                outboxes: sources.iter().map(Source::place).collect(),
                runners: runners.clone(),
                server: server.clone(),
                clock: clock.clone(),
            };
            tasks.spawn(meters.run(tasks.clone()));
        }
        let transport: Arc<dyn Transport> = match server {
            Some(server) => {
                for runner in runners {
                    let consume = jetstream::run(Arc::clone(&server), runner);
                    tasks.spawn(consume);
                }
                Arc::new(Publisher { server })
            }
            None => Arc::new(Dispatcher { runners }),
        };
        for source in sources {
            source.start(&transport, clock, tasks);
        }
        Ok(())
    }

    /// All that are registered, once.
    pub(super) fn begin(&self) -> Result<(Vec<Source>, Vec<Consumer>), StartError> {
        let mut entries = self.entries();
        if std::mem::replace(&mut entries.has_started, true) {
            return Err(StartError::Twice);
        }
        Ok((entries.sources.clone(), entries.consumers.clone()))
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    fn place(&self) -> (&'static str, Database) {
        (self.service, self.db.clone())
    }

    fn start(self, transport: &Arc<dyn Transport>, clock: &Clock, tasks: &Tasks) {
        tasks.spawn(self.relay(transport, clock, tasks).run());
        tasks.spawn(retention::run(self.db, clock.clone(), tasks.clone()));
    }

    pub(super) fn relay(
        &self,
        transport: &Arc<dyn Transport>,
        clock: &Clock,
        tasks: &Tasks,
    ) -> Relay {
        Relay {
            service: self.service,
            db: self.db.clone(),
            wake: Arc::clone(&self.wake),
            transport: Arc::clone(transport),
            clock: clock.clone(),
            tasks: tasks.clone(),
            poll: POLL,
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries();
        let services = entries.sources.iter().map(|source| source.service);
        f.debug_struct("Events")
            .field("outboxes", &services.collect::<Vec<_>>())
            .field("consumers", &entries.consumers)
            .finish()
    }
}
