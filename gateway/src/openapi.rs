//! The OpenAPI 3.1 document of a descriptor pool: every HTTP binding of every method that clients may call, with the
//! comments of the contract as descriptions and its validation rules as schema keywords.

mod comments;
mod operations;
mod responses;
mod rules;
mod schemas;

use std::collections::BTreeMap;

use prost_reflect::DescriptorPool;
use serde::Deserialize;
use serde_json::{Value, json};

use self::comments::Comments;
use self::operations::Operations;
use self::schemas::Schemas;

/// What a document says about the API as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Info {
    /// Its name.
    pub title: String,
    /// Its version.
    pub version: String,
    /// What it is for, as Markdown.
    pub description: String,
}

impl Default for Info {
    fn default() -> Self {
        Self {
            title: "Troupe".into(),
            version: "1".into(),
            description: String::new(),
        }
    }
}

/// The document of all methods that have an HTTP binding. The same pool always gives the same document, with the members
/// of every object sorted.
pub fn document(pool: &DescriptorPool, info: &Info) -> Value {
    let comments = Comments::new(pool);
    let mut schemas = Schemas::new(pool, &comments);
    let mut operations = Operations::new(pool, &comments);
    for service in pool.services() {
        operations.add_service(&service, &mut schemas);
    }
    let (paths, tags) = operations.finish();
    sorted(json!({
        "openapi": "3.1.0",
        "info": { "title": info.title, "version": info.version, "description": info.description },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "responses": responses::shared(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, as logging in returns it.",
                },
            },
        },
    }))
}

/// The same value with the members of objects in order of their names, whatever order the map of `serde_json` keeps.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members
                .into_iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(elements) => elements.into_iter().map(sorted).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests;
