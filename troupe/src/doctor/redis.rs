//! Redis, if it is named.

use platform::backends::RedisConfig;
use platform::redis::{self, ExamineError};

use super::finding::Finding;

const SUBJECT: &str = "Redis";

/// Asks the server for its version.
pub(super) async fn examine(config: &RedisConfig) -> Vec<Finding> {
    if !config.url.is_named() {
        return Vec::new();
    }
    let url = &config.url;
    const UNTIL_THEN: &str = "budgets, caches and presence are each process's own until then";
    vec![match redis::examine(config).await {
        Ok(version) => Finding::good(SUBJECT, format!("{url}, version {version}")),
        Err(error @ ExamineError::Refused(_)) => {
            Finding::broken(SUBJECT, format!("{url}: {error}; {UNTIL_THEN}")).advise(
                "correct the user and password in TROUPE__REDIS__URL, such as redis://user:secret@cache.example:6379/0",
            )
        }
        Err(error) => Finding::missing(SUBJECT, format!("{url}: {error}; {UNTIL_THEN}")).advise(
            "start it, or mend TROUPE__REDIS__URL, such as redis://:secret@cache.example:6379/0",
        ),
    }]
}
