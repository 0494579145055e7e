//! Redis, if it is named.

use redis::{ExamineError, RedisConfig};

use super::finding::Finding;

const SUBJECT: &str = "Redis";
const UNTIL_THEN: &str = "budgets are each process's own until then";

/// Asks the server for its version.
pub(super) async fn examine(config: &RedisConfig) -> Vec<Finding> {
    if !config.url.is_named() {
        return Vec::new();
    }
    let url = &config.url;
    let error = match redis::examine(config).await {
        Ok(version) => return vec![Finding::good(SUBJECT, format!("{url}, version {version}"))],
        Err(error) => error,
    };
    let finding = Finding::broken(SUBJECT, format!("{url}: {error}; {UNTIL_THEN}"));
    vec![finding.advise(match &error {
        ExamineError::Refused(_) => {
            "correct the user and password in redis.url (--redis-url or TROUPE__REDIS__URL), such as redis://user:secret@cache.example:6379/0"
        }
        ExamineError::Unreached(unreached) => unreached.advice().unwrap_or(
            "start it, or correct redis.url (--redis-url or TROUPE__REDIS__URL), such as redis://:secret@cache.example:6379/0",
        ),
        ExamineError::Failed(_) => "see its log, or correct redis.url (--redis-url or TROUPE__REDIS__URL)",
        ExamineError::Address(_) | ExamineError::Foreign => {
            "correct redis.url (--redis-url or TROUPE__REDIS__URL), such as redis://:secret@cache.example:6379/0, or rediss:// where it wants TLS"
        }
    })]
}
