//! The store, its files and its secrets: what acknowledged writes survive, on SQLite and on a real PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what went wrong by failing"
)]

mod database;
mod durability;
mod files;
mod secrets;
mod sqlite;
