//! What the service stands on: the two providers, and the ledger's table.

pub(crate) mod history;
pub(crate) mod ledger;
pub(crate) mod local_embedder;
pub(crate) mod local_provider;
pub(crate) mod migrations;
pub(crate) mod openai;
pub(crate) mod tables;
