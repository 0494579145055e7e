//! Examines a server from outside, to say why it isn't used.

use fred::error::{Error, ErrorKind};
use fred::interfaces::ClientLike;
use fred::types::InfoKind;
use fred::types::config::{Config, Server, TlsConnector};
use platform::reach::{self, Unreached};
use rustls::pki_types::ServerName;

use super::{CONNECT_TIMEOUT, OpenError, builder, is_refusal, parsed};
use crate::RedisConfig;

/// A server that can't be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// The address can't be read.
    #[error(transparent)]
    Address(#[from] OpenError),
    /// The server answers and doesn't let us in.
    #[error("it refuses the user and password of redis.url: {0}")]
    Refused(String),
    /// It can't be reached.
    #[error("{0}")]
    Unreached(Unreached),
    /// The server answers and can't be used.
    #[error("it says: {0}")]
    Failed(String),
    /// It is none of Redis.
    #[error("what listens there doesn't answer like Redis")]
    Foreign,
}

/// Connects once and asks for the server's version.
///
/// # Errors
/// Says what is wrong: with the address, the way there, or the password.
pub async fn examine(config: &RedisConfig) -> Result<String, ExamineError> {
    let ways = parsed(&config.url)?;
    let client = builder(&config.url)?.build().map_err(OpenError::from)?;
    match ask(&client).await {
        Ok(Some(version)) => Ok(version),
        Ok(None) => Err(ExamineError::Foreign),
        Err(error) => Err(explain(&error, &ways).await),
    }
}

async fn ask(client: &fred::clients::Client) -> Result<Option<String>, Error> {
    let connection = client.init().await?;
    let report: Result<String, _> = client.info(Some(InfoKind::Server)).await;
    let _it_is_done = client.quit().await;
    connection.abort();
    let report = report?;
    let mut lines = report.lines();
    let version = lines.find_map(|line| line.trim().strip_prefix("redis_version:"));
    Ok(version.map(str::to_owned))
}

/// The client's own errors of the way to a server are debug text: so the way is tried once more.
async fn explain(error: &Error, ways: &Config) -> ExamineError {
    let said = error.details();
    if is_refusal(error) {
        return ExamineError::Refused(said.to_owned());
    }
    // What the server answers begins with a code, such as ERR.
    let code = said.split(' ').next().unwrap_or_default();
    if !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return ExamineError::Failed(said.to_owned());
    }
    for server in ways.server.hosts() {
        if let Err(unreached) = go(&server, ways).await {
            return ExamineError::Unreached(unreached);
        }
    }
    match error.kind() {
        ErrorKind::Timeout => ExamineError::Unreached(Unreached::Silent),
        _ => ExamineError::Foreign,
    }
}

/// Goes to a server as the client does, and says nothing there.
async fn go(server: &Server, ways: &Config) -> Result<(), Unreached> {
    let io = reach::connect((&*server.host, server.port), CONNECT_TIMEOUT).await?;
    let Some(tls) = &ways.tls else { return Ok(()) };
    let TlsConnector::Rustls(connector) = &tls.connector;
    let name = server.tls_server_name.as_ref().unwrap_or(&server.host);
    let unnamed = |_| Unreached::Failed("its host name is invalid".to_owned());
    let name = ServerName::try_from(name.to_string()).map_err(unnamed)?;
    let shaking = tokio::time::timeout(CONNECT_TIMEOUT, connector.connect(name, io)).await;
    let mute = "it doesn't answer over TLS: perhaps it doesn't speak TLS there, or it hangs";
    let shaken = shaking.map_err(|_| Unreached::Failed(mute.to_owned()))?;
    shaken
        .map(drop)
        .map_err(|error| Unreached::of(&error).unwrap_or(Unreached::HungUp))
}
