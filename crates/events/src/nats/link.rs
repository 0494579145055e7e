//! Tells in the log when the connection to the server is lost, and when it is back. Nobody else does: who meets a lost
//! connection tries again.

use std::time::Duration;

use platform::Tasks;

use super::{Connection, LookError};
use crate::NatsConfig;

/// For the first connection, before it is said to be missing.
const FIRST_CONNECTION: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// That there is a connection; at first also nothing.
    Up,
    Away,
    Refusing,
}

/// Looks at the connection until the process stops. `meanwhile` says what happens without it, such as "events wait".
pub(crate) async fn watch(
    connection: Connection,
    config: NatsConfig,
    meanwhile: &'static str,
    tasks: Tasks,
) {
    let watching = async {
        tokio::time::sleep(FIRST_CONNECTION).await;
        let mut told = Told::Up;
        loop {
            told = connection.tell_change(told, &config, meanwhile).await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tasks.token().run_until_cancelled(watching).await;
}

impl Connection {
    /// Tells what is other than what was told last. Returns what is told by now.
    async fn tell_change(&self, told: Told, config: &NatsConfig, meanwhile: &str) -> Told {
        if self.is_up() {
            if told != Told::Up {
                tracing::info!("NATS is reached again");
            }
            return Told::Up;
        }
        let is_refused = self.refusing().is_some();
        if told
            == (if is_refused {
                Told::Refusing
            } else {
                Told::Away
            })
        {
            return told;
        }
        match Self::look(config).await {
            // The connection will be back in a moment.
            Ok(_) => told,
            Err(LookError::Refused(servers)) => {
                tracing::error!(
                    servers,
                    "NATS refuses the login: correct the user and password, or the token, in nats.url, or \
                     nats.credentials_file; {meanwhile} until then"
                );
                Told::Refusing
            }
            Err(problem) => {
                let address = &config.url;
                tracing::warn!(
                    %address,
                    %problem,
                    "NATS can't be reached: {meanwhile} until it can"
                );
                Told::Away
            }
        }
    }
}
