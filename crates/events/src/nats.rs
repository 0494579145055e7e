//! NATS: a connection as the configuration says, which is made in the background and comes back by itself.
//!
//! Whoever uses the server has a connection of its own, so that what one of them floods or loses holds up no other.

mod link;
mod login;
mod look;

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions};

pub(crate) use self::link::watch;
pub(crate) use self::look::LookError;

use self::login::Login;
use crate::NatsConfig;

const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_RECONNECT_PAUSE: Duration = Duration::from_secs(2);

/// A connection to the server. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    client: Client,
    login: Arc<Login>,
}

/// An address that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("NATS can't be used: {0}")]
pub struct AddressError(pub(crate) String);

impl Connection {
    /// Begins to connect, and goes on trying.
    pub(crate) async fn open(config: &NatsConfig) -> Result<Self, AddressError> {
        Self::open_with(config, |options| options).await
    }

    /// As [`Connection::open`], with further options.
    pub(crate) async fn open_with(
        config: &NatsConfig,
        further: impl FnOnce(ConnectOptions) -> ConnectOptions,
    ) -> Result<Self, AddressError> {
        let login = Arc::new(Login::read(config)?);
        let options = further(options(&login, config)?).retry_on_initial_connect();
        let client = options.connect(login.addresses()).await;
        let client = client.map_err(|error| AddressError(error.to_string()))?;
        Ok(Self { client, login })
    }

    /// The client that speaks over it.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether there is a connection, as far as is known.
    pub(crate) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The servers that refuse the login, where that is why there is no connection.
    pub(crate) fn refusing(&self) -> Option<String> {
        self.login.refusing(&self.client.connection_state())
    }
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
