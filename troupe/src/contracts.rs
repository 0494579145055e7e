//! Prints the API, for people and for diffs.

use std::io::Write;

use anyhow::{Context, Result};
use clap::Subcommand;

/// A view of the contracts.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Document {
    /// The OpenAPI document, as the gateway serves it at /openapi.json
    Openapi,
    /// The policy of every method: audience, time limit, budget
    Policy,
}

pub(crate) fn print(document: Document) -> Result<()> {
    let text = match document {
        Document::Policy => troupe_proto::policy::table(),
        Document::Openapi => {
            let pool = troupe_proto::descriptor_pool();
            let openapi = gateway::openapi::document(pool, &gateway::Config::default());
            serde_json::to_string_pretty(&openapi)? + "\n"
        }
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("the output can't be written")
}
