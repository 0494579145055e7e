//! Events from outbox to effect, by the same suite over both transports, and over the real server what only it can do.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what went wrong by failing"
)]

mod conformance;
mod jetstream;
mod stage;
