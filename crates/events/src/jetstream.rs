//! NATS JetStream: a stream of events, from which each consumer reads at its own pace, and a stream of dead letters. What is
//! sent twice is stored once for two minutes; beyond that, the inbox tells.
//!
//! Streams are made where they are missing, whenever that shows. Nothing here waits for the server: what is told while it
//! is away stays in the outbox.

mod attributes;
mod consume;
mod dead_letters;
mod publish;
mod state;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, stream::Stream};

pub(super) use self::consume::run;
pub(super) use self::publish::Publisher;

use super::transport::SendError;
use crate::NatsConfig;
use crate::nats::{AddressError, Connection, LookError};

/// For an answer of the server.
const PATIENCE: Duration = Duration::from_secs(5);
/// Events whose acknowledgement is awaited at a time, over all services.
const UNACKNOWLEDGED: usize = 1024;
/// How long events stay for consumers that don't run.
const EVENTS_AGE: Duration = Duration::from_hours(7 * 24);
/// For how long the server knows the ids of events that it has.
const DUPLICATES: Duration = Duration::from_mins(2);
/// Dead letters that are kept; beyond that the oldest go.
const DEAD_LETTERS: i64 = 100_000;

/// The streams of a server.
#[derive(Debug)]
pub(super) struct Server {
    connection: Connection,
    context: Context,
    prefix: String,
    replicas: usize,
    /// Whether the streams have had the settings of this process.
    is_settled: AtomicBool,
}

impl Server {
    /// Begins to connect, and goes on trying.
    pub(super) async fn connect(config: &NatsConfig) -> Result<Self, AddressError> {
        Ok(Self::of(Connection::open(config).await?, config))
    }

    /// Connects once, for whoever wants to know why there is no connection.
    pub(super) async fn look(config: &NatsConfig) -> Result<Self, LookError> {
        Ok(Self::of(Connection::look(config).await?, config))
    }

    /// The connection to it.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn of(connection: Connection, config: &NatsConfig) -> Self {
        let context = ContextBuilder::new()
            .timeout(PATIENCE)
            .max_ack_inflight(UNACKNOWLEDGED)
            .backpressure_on_inflight(true)
            .build(connection.client().clone());
        Self {
            connection,
            context,
            prefix: config.prefix.clone(),
            replicas: config.replicas,
            is_settled: AtomicBool::default(),
        }
    }

    /// Waits for nothing where nobody is there.
    fn check_connected(&self) -> Result<(), SendError> {
        match self.connection.is_up() {
            true => Ok(()),
            false => Err(self.unreached()),
        }
    }

    /// What failed because the connection did.
    fn of_connection(&self, error: SendError) -> SendError {
        match error {
            SendError::Away(_) => self.check_connected().err().unwrap_or(error),
            error => error,
        }
    }

    /// Why there is no connection.
    fn unreached(&self) -> SendError {
        match self.connection.refusing() {
            Some(servers) => SendError::Refused(servers),
            None => SendError::Unconnected,
        }
    }

    /// Makes the streams that are missing, and gives those that are there the settings of this process, once. Returns
    /// what is known of the stream of events.
    async fn settle(&self) -> Result<Info, SendError> {
        self.check_connected()?;
        if self.is_settled.load(Ordering::Acquire) {
            self.stream(self.dead_config()).await?;
            let events = self.stream(self.events_config()).await?;
            return Ok(events.cached_info().clone());
        }
        let dead = self.context.create_or_update_stream(self.dead_config());
        dead.await.map_err(away)?;
        let events = self.context.create_or_update_stream(self.events_config());
        let info = events.await.map_err(away)?;
        self.is_settled.store(true, Ordering::Release);
        Ok(info)
    }

    async fn stream(&self, config: Config) -> Result<Stream, SendError> {
        let stream = self.context.get_or_create_stream(config);
        stream.await.map_err(away)
    }

    fn events_config(&self) -> Config {
        Config {
            name: self.events_stream(),
            description: Some("What happens in Troupe's services".to_owned()),
            subjects: vec![self.event_subject(">"), self.replay_subject(">")],
            max_age: EVENTS_AGE,
            duplicate_window: DUPLICATES,
            ..self.durable()
        }
    }

    fn dead_config(&self) -> Config {
        Config {
            name: self.dead_stream(),
            description: Some("Events that consumers could not handle".to_owned()),
            subjects: vec![self.dead_subject(">")],
            max_messages: DEAD_LETTERS,
            duplicate_window: DUPLICATES,
            ..self.durable()
        }
    }

    fn durable(&self) -> Config {
        Config {
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            num_replicas: self.replicas,
            ..Config::default()
        }
    }

    fn events_stream(&self) -> String {
        format!("{}-events", self.name())
    }

    fn dead_stream(&self) -> String {
        format!("{}-dead-letters", self.name())
    }

    fn durable_name(&self, consumer: &str) -> String {
        format!("{}-{consumer}", self.name())
    }

    /// The prefix where dots part no words.
    fn name(&self) -> String {
        self.prefix.replace('.', "-")
    }

    fn event_subject(&self, subject: &str) -> String {
        format!("{}.events.{subject}", self.prefix)
    }

    fn replay_subject(&self, consumer: &str) -> String {
        format!("{}.replay.{consumer}", self.prefix)
    }

    fn dead_subject(&self, consumer: &str) -> String {
        format!("{}.dead.{consumer}", self.prefix)
    }
}

/// The server didn't do what it was asked for, or nobody knows.
fn away(error: impl std::error::Error) -> SendError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    SendError::Away(text)
}
