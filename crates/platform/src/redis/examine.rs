//! A look at a server from outside, for whoever wants to know why it isn't used.

use fred::interfaces::ClientLike;
use fred::types::InfoKind;

use super::{OpenError, builder, is_refusal};
use crate::backends::RedisConfig;

/// A server that can't be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// The address can't be read.
    #[error(transparent)]
    Address(#[from] OpenError),
    /// The server answers and doesn't let us in.
    #[error("it refuses the user and password of redis.url: {0}")]
    Refused(#[source] fred::error::Error),
    /// It can't be reached, or doesn't answer as it should.
    #[error("{0}")]
    Failed(#[source] fred::error::Error),
    /// It is none of Redis.
    #[error("it doesn't tell its version")]
    NoVersion,
}

impl From<fred::error::Error> for ExamineError {
    fn from(error: fred::error::Error) -> Self {
        match is_refusal(&error) {
            true => Self::Refused(error),
            false => Self::Failed(error),
        }
    }
}

/// Connects once and asks for the server's version.
///
/// # Errors
/// Says what is wrong: with the address, the way there, or the password.
pub async fn examine(config: &RedisConfig) -> Result<String, ExamineError> {
    let client = builder(&config.url)?.build()?;
    let connection = client.init().await?;
    let report: Result<String, _> = client.info(Some(InfoKind::Server)).await;
    let _it_is_done = client.quit().await;
    connection.abort();
    let report = report?;
    let mut lines = report.lines();
    let version = lines.find_map(|line| line.trim().strip_prefix("redis_version:"));
    Ok(version.ok_or(ExamineError::NoVersion)?.to_owned())
}
