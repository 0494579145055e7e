//! Which NATS there is.

use std::path::PathBuf;

use platform::config::ServerUrl;
use serde::Deserialize;

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
