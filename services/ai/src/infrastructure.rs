//! What the service stands on: the providers, what their servers have in common, and the tables.

pub(crate) mod conditions;
pub(crate) mod dialect;
pub(crate) mod history;
pub(crate) mod learned;
pub(crate) mod ledger;
mod local_chat;
pub(crate) mod local_embedder;
pub(crate) mod local_provider;
pub(crate) mod migrations;
pub(crate) mod roles;
pub(crate) mod server;
pub(crate) mod tables;
mod trails;
pub(crate) mod upstream;
