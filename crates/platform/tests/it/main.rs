//! What services stand on, against the real servers.
#![expect(clippy::unwrap_used, reason = "tests say what went wrong by failing")]

mod database;
