//! NATS JetStream: a stream of events, from which each consumer reads at its own pace, and a stream of dead letters. What is
//! sent twice is stored once for two minutes; beyond that, the inbox tells.
//!
//! Streams are made where they are missing, whenever that shows. Nothing here waits for the server: what is told while it
//! is away stays in the outbox.

mod attributes;
mod consume;
mod dead_letters;
mod link;
mod login;
mod look;
mod publish;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, stream::Stream};
use async_nats::{Client, ConnectOptions};

pub(super) use self::consume::run;
pub(super) use self::link::watch;
pub(super) use self::look::LookError;
pub(super) use self::publish::Publisher;

use self::login::Login;
use super::transport::SendError;
use crate::backends::NatsConfig;

/// For an answer of the server.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_RECONNECT_PAUSE: Duration = Duration::from_secs(2);
/// Events whose acknowledgement is awaited at a time, over all services.
const UNACKNOWLEDGED: usize = 1024;
/// How long events stay for consumers that don't run.
const EVENTS_AGE: Duration = Duration::from_hours(7 * 24);
/// For how long the server knows the ids of events that it has.
const DUPLICATES: Duration = Duration::from_mins(2);
/// Dead letters that are kept; beyond that the oldest go.
const DEAD_LETTERS: i64 = 100_000;

/// A connection to the server, which comes back by itself.
#[derive(Debug)]
pub(super) struct Server {
    client: Client,
    login: Arc<Login>,
    context: Context,
    prefix: String,
    replicas: usize,
    /// Whether the streams have had the settings of this process.
    is_settled: AtomicBool,
}

/// An address that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("NATS can't be used: {0}")]
pub struct AddressError(String);

impl Server {
    /// Begins to connect, and goes on trying.
    pub(super) async fn connect(config: &NatsConfig) -> Result<Self, AddressError> {
        let login = Arc::new(Login::read(config)?);
        let options = Self::options(&login, config)?.retry_on_initial_connect();
        let client = options.connect(login.addresses()).await;
        let client = client.map_err(|error| AddressError(error.to_string()))?;
        Ok(Self::of(client, login, config))
    }

    fn options(login: &Arc<Login>, config: &NatsConfig) -> Result<ConnectOptions, AddressError> {
        let options = login.options(config.credentials_file.as_deref())?;
        Ok(options
            .name("troupe")
            .max_reconnects(None)
            .connection_timeout(CONNECT_PATIENCE)
            .reconnect_delay_callback(|attempts| {
                let doublings = u32::try_from(attempts.min(8)).unwrap_or(8);
                let pause = Duration::from_millis(20) * 2u32.pow(doublings);
                pause.min(LONGEST_RECONNECT_PAUSE)
            }))
    }

    fn of(client: Client, login: Arc<Login>, config: &NatsConfig) -> Self {
        let context = ContextBuilder::new()
            .timeout(PATIENCE)
            .max_ack_inflight(UNACKNOWLEDGED)
            .backpressure_on_inflight(true)
            .build(client.clone());
        Self {
            client,
            login,
            context,
            prefix: config.prefix.clone(),
            replicas: config.replicas,
            is_settled: AtomicBool::default(),
        }
    }

    /// Waits for nothing where nobody is there.
    fn check_connected(&self) -> Result<(), SendError> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            _ => Err(self.unreached()),
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
        match self.login.refusing(&self.client.connection_state()) {
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
