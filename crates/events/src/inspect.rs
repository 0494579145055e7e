//! A look at events from outside of the platform: what lags, and the dead letters. It works while the platform runs and
//! while it doesn't.

use platform::id::EventId;
use platform::reach::Unreached;
use platform::{Clock, Timestamp};
use sea_orm::DbErr;
use serde::Serialize;
use storage::Database;

use super::jetstream::Server;
use super::queries;
use super::tables::dead_letter;
use super::transport::SendError;
use crate::NatsConfig;
use crate::nats::{AddressError, LookError};

/// Looks at events.
#[derive(Debug)]
pub struct Inspector {
    databases: Vec<(String, Database)>,
    server: Option<Server>,
    clock: Clock,
}

/// What is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// The outbox of each service that has one.
    pub outboxes: Vec<OutboxLag>,
    /// The consumers on the server. A dispatcher in the process has nothing but the outboxes.
    pub consumers: Vec<ConsumerLag>,
    /// How many dead letters there are.
    pub dead_letters: usize,
}

/// What a service told that hasn't arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboxLag {
    /// The service.
    pub service: String,
    /// How many events.
    pub unsent: u64,
    /// How long the oldest of them has been waiting.
    pub oldest_secs: Option<u64>,
}

/// What a consumer hasn't handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsumerLag {
    /// Its name.
    pub consumer: String,
    /// Events that it doesn't have yet.
    pub pending: u64,
    /// Events that it has and hasn't acknowledged.
    pub unacknowledged: u64,
    /// How many of those came more than once.
    pub redelivered: u64,
}

/// An event that a consumer could not handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// The consumer.
    pub consumer: String,
    /// The event.
    #[serde(serialize_with = "shown")]
    pub event_id: EventId,
    /// Service, noun and verb.
    pub subject: String,
    /// What it is in order with.
    pub key: String,
    /// When it was written, in microseconds since 1970 UTC.
    pub time: Timestamp,
    /// Why it could not be handled.
    pub problem: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was put aside, in microseconds since 1970 UTC.
    pub dead_time: Timestamp,
    /// Whether somebody asked for another try.
    pub is_asked_for: bool,
}

impl From<dead_letter::Model> for DeadLetter {
    fn from(row: dead_letter::Model) -> Self {
        Self {
            consumer: row.consumer,
            event_id: row.event_id,
            subject: row.subject,
            key: row.key,
            time: row.time,
            problem: row.problem,
            tries: u32::try_from(row.tries).unwrap_or(0),
            dead_time: row.dead_time,
            is_asked_for: row.replay_time.is_some(),
        }
    }
}

fn shown<S: serde::Serializer>(id: &EventId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// A look that shows nothing.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// A database can't be read.
    #[error("the database of {0} can't be used: {1}")]
    Database(String, #[source] DbErr),
    /// The address of the server can't be read.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// There is no way to the server.
    #[error("{0}")]
    Unreached(Unreached),
    /// The server doesn't do what it is asked for.
    #[error("{0}")]
    Server(String),
    /// The server doesn't let us in.
    #[error("{0}")]
    Refused(String),
}

impl From<SendError> for InspectError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Refused(_) => Self::Refused(error.to_string()),
            _ => Self::Server(error.to_string()),
        }
    }
}

impl From<LookError> for InspectError {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Address(error) => Self::Address(error),
            LookError::Unreached(unreached) => Self::Unreached(unreached),
            LookError::Refused(_) => Self::Refused(error.to_string()),
            LookError::Foreign => Self::Server(error.to_string()),
        }
    }
}

impl Inspector {
    /// Looks into the databases of services and, where one is named, at the server. Databases without events are left out.
    ///
    /// # Errors
    /// Something can't be reached.
    pub async fn open(
        databases: Vec<(String, Database)>,
        nats: &NatsConfig,
        clock: Clock,
    ) -> Result<Self, InspectError> {
        let mut with_events = Vec::new();
        for (service, db) in databases {
            let has_events = db.has_table("outbox").await;
            match has_events {
                Ok(true) => with_events.push((service, db)),
                Ok(false) => {}
                Err(error) => return Err(InspectError::Database(service, error)),
            }
        }
        let server = match nats.url.is_named() {
            true => Some(Server::look(nats).await?),
            false => None,
        };
        Ok(Self {
            databases: with_events,
            server,
            clock,
        })
    }

    /// The version of the server, if one is named.
    pub fn server_version(&self) -> Option<String> {
        self.server.as_ref().map(Server::version)
    }

    /// What is on its way.
    ///
    /// # Errors
    /// Something doesn't answer.
    pub async fn lag(&self) -> Result<Lag, InspectError> {
        let mut outboxes = Vec::new();
        for (service, db) in &self.databases {
            let waiting = queries::waiting(db.read()).await;
            let (unsent, oldest) = waiting.map_err(|error| database(service, error))?;
            let now = self.clock.now();
            outboxes.push(OutboxLag {
                service: service.clone(),
                unsent,
                oldest_secs: oldest.map(|oldest| now.since(oldest).as_secs()),
            });
        }
        let consumers = match &self.server {
            Some(server) => server.consumers().await?,
            None => Vec::new(),
        };
        Ok(Lag {
            outboxes,
            consumers,
            dead_letters: self.dead_letters().await?.len(),
        })
    }

    /// All dead letters, of each place the oldest first.
    ///
    /// # Errors
    /// Something doesn't answer.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, InspectError> {
        let mut letters = Vec::new();
        for (service, db) in &self.databases {
            let rows = queries::dead_letters(db.read()).await;
            let rows = rows.map_err(|error| database(service, error))?;
            letters.extend(rows.into_iter().map(DeadLetter::from));
        }
        if let Some(server) = &self.server {
            let stored = server.dead_letters().await?;
            letters.extend(stored.into_iter().map(|(_, letter, _)| letter));
        }
        Ok(letters)
    }

    /// Asks for another try of a dead event, or of all. Returns how many there are; a consumer that runs tries them within
    /// seconds, one that doesn't, when it starts.
    ///
    /// # Errors
    /// Something doesn't answer. What was asked for by then is tried.
    pub async fn replay(&self, event: Option<EventId>) -> Result<u64, InspectError> {
        let mut count = 0;
        for (service, db) in &self.databases {
            let now = self.clock.now();
            let ask = db.transaction(|tx| {
                Box::pin(async move { queries::ask_for_replay(tx, event, now).await })
            });
            count += ask.await.map_err(|error| database(service, error))?;
        }
        if let Some(server) = &self.server {
            for (sequence, letter, envelope) in server.dead_letters().await? {
                if event.is_none_or(|id| id == letter.event_id) {
                    server.replay(sequence, &letter.consumer, &envelope).await?;
                    count += 1;
                }
            }
        }
        Ok(count)
    }
}

fn database(service: &str, error: DbErr) -> InspectError {
    InspectError::Database(service.to_owned(), error)
}
