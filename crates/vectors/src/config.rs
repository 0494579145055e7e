//! Which Qdrant there is.

use platform::config::{SecretText, ServerUrl};
use serde::Deserialize;

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
