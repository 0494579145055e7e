//! The servers that take the place of embedded parts. Each stands on its own: what isn't named is embedded.

use events::NatsConfig;
use platform::config::Error;
use redis::RedisConfig;
use storage::{DatabaseConfig, S3Config};
use vectors::QdrantConfig;

/// Which servers there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backends {
    /// The relational store; SQLite files where it isn't named.
    pub database: DatabaseConfig,
    /// Budgets; the memory of the process where it isn't named.
    pub redis: RedisConfig,
    /// Events; a dispatcher in the process where it isn't named.
    pub nats: NatsConfig,
    /// Vectors; a store in the process where it isn't named.
    pub qdrant: QdrantConfig,
    /// Files; the data folder where it isn't named.
    pub s3: S3Config,
}

impl Backends {
    /// Refuses what can't work.
    ///
    /// # Errors
    /// Names the key, and what to write instead.
    pub fn validate(&self) -> Result<(), Error> {
        self.database.url.validate("database.url")?;
        self.redis.url.validate("redis.url")?;
        let redis = ["redis", "rediss", "valkey", "valkeys"];
        (self.redis.url).validate_scheme("redis.url", &redis, "redis://cache.example:6379/0")?;
        self.nats.url.validate("nats.url")?;
        self.qdrant.url.validate("qdrant.url")?;
        let http = ["http", "https"];
        (self.qdrant.url).validate_scheme("qdrant.url", &http, "http://qdrant.example:6334")?;
        self.s3.validate()
    }
}
