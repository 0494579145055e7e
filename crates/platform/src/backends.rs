//! The servers that take the place of embedded parts. Each stands on its own: what isn't named is embedded.

mod s3;
mod secret;
mod url;

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::Error;

pub use s3::{S3Config, S3Credentials};
pub use secret::SecretText;
pub use url::ServerUrl;

/// Which servers there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backends {
    /// The relational store; SQLite files where it isn't named.
    pub database: DatabaseConfig,
    /// Budgets, caches and presence; the memory of the process where it isn't named.
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

/// PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// Such as `postgres://troupe:secret@db.example/troupe`; each service has a schema of its own there. Empty: SQLite.
    pub url: ServerUrl,
    /// Most connections of each service; at least 3.
    pub max_connections: u32,
    /// What an acknowledged write in a SQLite file survives. A server has a setting of its own.
    pub durability: Durability,
}

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// A power cut: it is synced to the disk first.
    #[default]
    Power,
    /// The death of the process. A power cut may take the last seconds.
    Process,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: ServerUrl::default(),
            max_connections: 16,
            durability: Durability::default(),
        }
    }
}

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

/// NATS with JetStream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NatsConfig {
    /// Such as `nats://user:secret@nats.example:4222`, or several with commas between them, each with its own user and password
    /// or token. Empty: events are dispatched in the process.
    pub url: ServerUrl,
    /// The file with a user's JWT and key, which `nsc generate creds` makes. Absent: what the address says.
    pub credentials_file: Option<PathBuf>,
    /// What the names of streams and consumers begin with.
    pub prefix: String,
    /// How many servers keep each stream: 1, 3 or 5.
    pub replicas: usize,
}

impl Default for NatsConfig {
    fn default() -> Self {
        Self {
            url: ServerUrl::default(),
            credentials_file: None,
            prefix: "troupe".to_owned(),
            replicas: 1,
        }
    }
}

/// Qdrant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QdrantConfig {
    /// The address of its gRPC port, such as `http://qdrant.example:6334`. Empty: vectors are kept in the process.
    pub url: ServerUrl,
    /// The key; empty for none.
    pub api_key: SecretText,
    /// What the names of collections begin with.
    pub prefix: String,
}

impl Default for QdrantConfig {
    fn default() -> Self {
        Self {
            url: ServerUrl::default(),
            api_key: SecretText::default(),
            prefix: "troupe".to_owned(),
        }
    }
}
