//! The ports, each against its implementations: one suite for what stands in the process and for the real server.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what went wrong by failing"
)]

mod bus;
mod cache;
mod conformance;
mod credentials;
mod database;
mod durability;
mod files;
mod jetstream;
mod limits;
mod presence;
mod redis;
mod registration;
mod replicas;
mod secrets;
mod sqlite;
mod stage;
mod vectors;
