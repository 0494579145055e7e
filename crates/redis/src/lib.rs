//! Redis: the connections of a process, opened once and kept up in the background.
//!
//! What is kept there has a stand-in in the process, so nobody waits for a server that is gone: a call fails at once when
//! Redis is known to be away, and after little patience otherwise. Starting needs no Redis either. A watch finds out by
//! itself when it is back.

mod config;
mod examine;
mod health;
pub mod limits;
mod script;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fred::clients::{Client, Pool, WithOptions};
use fred::error::{Error, ErrorKind};
use fred::interfaces::ClientLike;
use fred::types::Builder;
use fred::types::config::{Config, Options, ReconnectPolicy, UnresponsiveConfig};
use platform::Tasks;
use platform::config::ServerUrl;

use self::health::Health;

pub use config::RedisConfig;
pub use examine::{ExamineError, examine};
pub use script::Script;

/// The setting that names the server, and how it may look.
const KEY: &str = "redis.url";
const EXAMPLE: &str = "redis://cache.example:6379/0";
/// Commands of many callers share a connection; two keep one large answer from holding up everybody.
const CONNECTIONS: usize = 2;
/// How long a decision waits for its answer unless its caller has more patience.
const PATIENCE: Duration = Duration::from_millis(40);
/// For a connection, and for each step of its greeting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A command without an answer for so long means that the connection is dead.
const UNRESPONSIVE: Duration = Duration::from_secs(2);
/// The first and the longest pause between attempts to connect, in milliseconds.
const RECONNECT_MS: (u32, u32) = (100, 2000);

/// The connections. Cheap to clone.
#[derive(Clone)]
pub struct Redis {
    shared: Arc<Shared>,
    patience: Duration,
}

struct Shared {
    pool: Pool,
    address: ServerUrl,
    prefix: String,
    health: Health,
}

/// Redis can't be asked now: the caller continues without it.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// It was away when somebody looked last.
    #[error("Redis is away")]
    Away,
    /// It didn't answer in time, or not as it should.
    #[error("Redis failed: {0}")]
    Failed(#[from] fred::error::Error),
}

/// An address that isn't one of Redis.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct OpenError(#[from] platform::config::Error);

impl From<Error> for OpenError {
    /// The client's own words may hold what the address holds.
    fn from(_: Error) -> Self {
        Self(platform::config::Error::Invalid {
            key: KEY,
            problem: format!("isn't an address of a Redis server: write one such as {EXAMPLE}"),
        })
    }
}

impl Redis {
    /// Connects in the background, and again whenever the connection is lost. `None` where no server is named.
    ///
    /// # Errors
    /// The address can't be understood. A server that isn't there is no error.
    pub fn open(config: &RedisConfig, tasks: &Tasks) -> Result<Option<Self>, OpenError> {
        if !config.url.is_named() {
            return Ok(None);
        }
        let mut builder = builder(&config.url)?;
        builder.with_config(|config| config.fail_fast = false);
        let pool = builder.build_pool(CONNECTIONS)?;
        let shared = Arc::new(Shared {
            pool,
            address: config.url.clone(),
            prefix: config.prefix.clone(),
            health: Health::default(),
        });
        health::keep_watch(&shared, tasks);
        let patience = PATIENCE;
        Ok(Some(Self { shared, patience }))
    }

    /// The same connections, for calls that may wait so long.
    pub fn with_patience(&self, patience: Duration) -> Self {
        let shared = self.shared.clone();
        Self { shared, patience }
    }

    /// A key that begins as all keys of this platform do.
    pub fn key(&self, parts: fmt::Arguments<'_>) -> String {
        format!("{}:{parts}", self.shared.prefix)
    }

    /// Completes once Redis is in use.
    pub async fn reached(&self) {
        self.shared.health.until(true).await;
    }

    /// Completes once Redis is known to be away.
    pub async fn lost(&self) {
        self.shared.health.until(false).await;
    }

    /// Runs a command on one of the connections.
    ///
    /// # Errors
    /// Redis is away, or doesn't answer within the patience.
    pub(crate) async fn ask<T, F>(
        &self,
        command: impl FnOnce(WithOptions<Client>) -> F,
    ) -> Result<T, Unavailable>
    where
        F: Future<Output = Result<T, fred::error::Error>>,
    {
        let health = &self.shared.health;
        if !health.is_up() {
            return Err(Unavailable::Away);
        }
        let connection = self.shared.connection(self.patience);
        let answer = within(self.patience, command(connection)).await;
        health.note(&answer);
        Ok(answer?)
    }
}

impl Shared {
    /// A connection whose commands fail where they would wait for another attempt to connect.
    fn connection(&self, patience: Duration) -> WithOptions<Client> {
        self.pool.next_connected().with_options(&Options {
            timeout: Some(patience),
            max_attempts: Some(1),
            fail_fast: true,
            ..Options::default()
        })
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.shared.address)
    }
}

/// Whether the server doesn't let us in, or not as far as we must: a wrong user or password, one that is missing, one where
/// none is wanted, or a user without the rights.
fn is_refusal(error: &Error) -> bool {
    let says = |code: &str| error.details().starts_with(code);
    *error.kind() == ErrorKind::Auth
        || [
            "WRONGPASS",
            "NOAUTH",
            "NOPERM",
            "ERR AUTH",
            "ERR invalid password",
        ]
        .into_iter()
        .any(says)
}

/// The answer to a command, if it comes in time. The client's own limit doesn't hold for every command to a server that
/// stands still.
async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let late = |_| Error::new(ErrorKind::Timeout, "no answer in time");
    tokio::time::timeout(patience, answer).await.map_err(late)?
}

fn parsed(url: &ServerUrl) -> Result<Config, OpenError> {
    url.validate(KEY)?;
    Ok(Config::from_url(url.reveal())?)
}

fn builder(url: &ServerUrl) -> Result<Builder, OpenError> {
    let mut builder = Builder::from_config(parsed(url)?);
    let (first, longest) = RECONNECT_MS;
    builder
        .set_policy(ReconnectPolicy::new_exponential(0, first, longest, 2))
        .with_connection_config(|connection| {
            connection.connection_timeout = CONNECT_TIMEOUT;
            connection.internal_command_timeout = CONNECT_TIMEOUT;
            connection.max_command_attempts = 1;
            connection.unresponsive = UnresponsiveConfig {
                max_timeout: Some(UNRESPONSIVE),
                interval: UNRESPONSIVE / 4,
            };
        });
    Ok(builder)
}
