//! Connections to a real Redis, and budgets in it and in memory.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by failing")]

mod credentials;
mod limits;
mod redis;
