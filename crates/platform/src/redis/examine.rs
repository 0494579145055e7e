//! A look at a server from outside, for whoever wants to know why it isn't used.

use fred::interfaces::ClientLike;
use fred::types::InfoKind;

use super::builder;
use crate::backends::RedisConfig;

/// Connects once and asks for the server's version.
///
/// # Errors
/// Says what is wrong: with the address, the way there, or the password.
pub async fn examine(
    config: &RedisConfig,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let client = builder(&config.url)?.build()?;
    let connection = client.init().await?;
    let report: Result<String, _> = client.info(Some(InfoKind::Server)).await;
    let _it_is_done = client.quit().await;
    connection.abort();
    let report = report?;
    let mut lines = report.lines();
    let version = lines.find_map(|line| line.trim().strip_prefix("redis_version:"));
    Ok(version.ok_or("it doesn't tell its version")?.to_owned())
}
