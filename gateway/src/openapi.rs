//! The OpenAPI 3.1 document of a descriptor pool: every HTTP binding of every method that clients may call, with the
//! comments of the contract as descriptions and its validation rules as schema keywords.

mod behaviour;
mod bodies;
mod comments;
mod examples;
mod headers;
mod names;
mod operations;
mod parameters;
mod responses;
mod rules;
mod schemas;

use std::collections::BTreeMap;

use prost_reflect::DescriptorPool;
use serde::Deserialize;
use serde_json::{Value, json};

use self::behaviour::Behaviours;
use self::comments::Comments;
use self::examples::Examples;
use self::operations::Operations;
use self::schemas::Schemas;
use crate::config::Config;

/// How a newcomer begins, where operators say nothing else.
const INTRODUCTION: &str = include_str!("openapi/introduction.md");

/// What a document says about the API as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Info {
    /// Its name.
    pub title: String,
    /// Its version.
    pub version: String,
    /// What it is for, as Markdown. Empty for how to begin with Troupe.
    pub description: String,
    /// Who answers questions about it.
    pub contact: String,
    /// The name of its licence by SPDX.
    pub licence: String,
}

impl Default for Info {
    fn default() -> Self {
        Self {
            title: "Troupe".into(),
            version: "1".into(),
            description: String::new(),
            contact: "The operators of this platform".into(),
            licence: "MIT".into(),
        }
    }
}

/// The document of all methods that have an HTTP binding, as a gateway of this configuration serves it. The same pool always gives
/// the same document, with the members of every object sorted.
pub fn document(pool: &DescriptorPool, config: &Config) -> Value {
    let comments = Comments::new(pool);
    let behaviours = Behaviours::new(pool, config.json.print_defaults);
    let examples = Examples::new(pool, behaviours.clone());
    let mut schemas = Schemas::new(behaviours, &comments);
    let mut operations = Operations::new(pool, &comments, &examples);
    for service in pool.services() {
        operations.add_service(&service, &mut schemas);
    }
    let (paths, tags) = operations.finish();
    sorted(json!({
        "openapi": "3.1.0",
        "info": info(&config.api),
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "headers": headers::shared(),
            "parameters": headers::parameters(),
            "schemas": schemas.finish(),
            "responses": responses::shared(&paths),
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

fn info(info: &Info) -> Value {
    let description = match info.description.as_str() {
        "" => INTRODUCTION.trim_end(),
        own => own,
    };
    json!({
        "title": info.title,
        "version": info.version,
        "description": description,
        "contact": { "name": info.contact },
        "license": { "name": info.licence, "identifier": info.licence },
    })
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
