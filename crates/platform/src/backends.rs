//! The servers that take the place of embedded parts. Each stands on its own: what isn't named is embedded.

use std::fmt;

use serde::Deserialize;

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
    /// Such as `nats://user:secret@nats.example:4222`. Empty: events are dispatched in the process.
    pub url: ServerUrl,
    /// What the names of streams and consumers begin with.
    pub prefix: String,
    /// How many servers keep each stream: 1, 3 or 5.
    pub replicas: usize,
}

impl Default for NatsConfig {
    fn default() -> Self {
        Self {
            url: ServerUrl::default(),
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

/// A bucket of an S3-compatible store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Config {
    /// The bucket. Empty: files are kept in the data folder.
    pub bucket: String,
    /// Where the store answers, such as `https://s3.example`. Empty: Amazon's, of the region.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// Who calls; empty for the credentials of the machine.
    pub access_key_id: String,
    /// The key that belongs to it.
    pub secret_access_key: SecretText,
    /// What all names of files begin with.
    pub prefix: String,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            endpoint: String::new(),
            region: "us-east-1".to_owned(),
            access_key_id: String::new(),
            secret_access_key: SecretText::default(),
            prefix: "troupe".to_owned(),
        }
    }
}

/// A server's address, which may hold a password. It doesn't show in logs.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// Takes an address as an operator wrote it.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// Whether a server is named at all.
    pub fn is_named(&self) -> bool {
        !self.0.trim().is_empty()
    }

    /// The whole address, for whoever connects to it.
    pub fn reveal(&self) -> &str {
        self.0.trim()
    }
}

/// The address without user and password.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.reveal();
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let authority_len = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, behind) = rest.split_at(authority_len);
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        // Parameters may hold a password too.
        let path = behind.split(['?', '#']).next().unwrap_or_default();
        if scheme.is_empty() {
            write!(f, "{host}{path}")
        } else {
            write!(f, "{scheme}://{host}{path}")
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

/// A key or password that doesn't show in logs.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Takes a secret as an operator wrote it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret, for whoever presents it; `None` for the empty one.
    pub fn reveal(&self) -> Option<&str> {
        Some(self.0.trim()).filter(|text| !text.is_empty())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_neither_user_nor_password() {
        for (url, shown) in [
            ("", ""),
            (
                "postgres://ann:pass@db:5432/troupe?sslmode=require&password=x",
                "postgres://db:5432/troupe",
            ),
            ("redis://:p%40ss@cache", "redis://cache"),
            ("nats://user:odd@pass@host:4222", "nats://host:4222"),
            ("localhost:4222", "localhost:4222"),
        ] {
            let url = ServerUrl::new(url);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("ServerUrl({shown})"));
        }
    }

    #[test]
    fn a_secret_does_not_show() {
        let secret = SecretText::new(" key ");
        assert_eq!(format!("{secret:?}"), "SecretText(..)");
        assert_eq!(secret.reveal(), Some("key"));
        assert_eq!(SecretText::default().reveal(), None);
    }
}
