//! One try to connect, for whoever wants to know why there is no connection.

use std::sync::Arc;

use async_nats::{ConnectError, ConnectErrorKind};
use platform::reach::Unreached;

use super::login::Login;
use super::{AddressError, Connection, options};
use crate::NatsConfig;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(
        "it refuses the login at {0}: correct the user and password, or the token, in nats.url, or nats.credentials_file"
    )]
    Refused(String),
    #[error("{0}")]
    Unreached(Unreached),
    #[error("what listens there doesn't answer as NATS does")]
    Foreign,
}

impl Connection {
    /// Connects to the first server of the configuration that lets us in.
    pub(crate) async fn look(config: &NatsConfig) -> Result<Self, LookError> {
        let login = Arc::new(Login::read(config)?);
        let (mut refusing, mut failure) = (Vec::new(), LookError::Foreign);
        for _ in login.addresses() {
            let connecting = options(&login, config)?.connect(login.addresses());
            match connecting.await {
                Ok(client) => return Ok(Self { client, login }),
                Err(error) if is_refusal(&error) => refusing.push(login.current_name()),
                Err(error) => failure = explain(&error),
            }
        }
        match refusing.is_empty() {
            true => Err(failure),
            false => Err(LookError::Refused(refusing.join(", "))),
        }
    }
}

fn is_refusal(error: &ConnectError) -> bool {
    use ConnectErrorKind::{Authentication, AuthorizationViolation};
    matches!(error.kind(), Authentication | AuthorizationViolation)
}

fn explain(error: &ConnectError) -> LookError {
    let unreached = match error.kind() {
        ConnectErrorKind::TimedOut => Some(Unreached::Silent),
        _ => Unreached::of(error),
    };
    unreached.map_or(LookError::Foreign, LookError::Unreached)
}
