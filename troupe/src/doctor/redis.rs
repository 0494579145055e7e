//! Redis, if it is named.

use platform::backends::RedisConfig;
use platform::redis;

use super::finding::Finding;

const SUBJECT: &str = "Redis";

/// Asks the server for its version.
pub(super) async fn examine(config: &RedisConfig) -> Vec<Finding> {
    if !config.url.is_named() {
        return Vec::new();
    }
    let url = &config.url;
    vec![match redis::examine(config).await {
        Ok(version) => Finding::good(SUBJECT, format!("{url}, version {version}")),
        Err(error) => Finding::missing(
            SUBJECT,
            format!("{url}: {error}; budgets, caches and presence are each process's own until it is there"),
        )
        .advise("start it, or mend TROUPE__REDIS__URL, such as redis://:secret@cache.example:6379/0"),
    }]
}
