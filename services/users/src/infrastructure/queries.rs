//! The queries, a module for each table. They take the connection or the transaction that they run on.

pub(crate) mod audit_events;
pub(crate) mod known_networks;
pub(crate) mod login_sessions;
pub(crate) mod refresh_tokens;
pub(crate) mod revocations;
pub(crate) mod signing_keys;
pub(crate) mod users;

#[cfg(test)]
mod tests;
