//! Which Redis there is.

use platform::config::ServerUrl;
use serde::Deserialize;

/// Redis.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisConfig {
    /// Such as `redis://:secret@cache.example:6379/0`, or `rediss://` for TLS. Empty: memory.
    pub url: ServerUrl,
    /// What all keys begin with.
    pub prefix: String,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: ServerUrl::default(),
            prefix: "troupe".to_owned(),
        }
    }
}
