//! Which database there is, and what its writes survive.

use platform::config::ServerUrl;
use serde::Deserialize;

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
