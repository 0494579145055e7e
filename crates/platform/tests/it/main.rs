//! Events from outbox to effect, by the same suite over both transports, and over the real server what only it can do.

mod conformance;
mod jetstream;
mod stage;
