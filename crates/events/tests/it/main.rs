//! Events and the bus, each against its carriers: one suite for what stands in the process and for a real NATS.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests say what went wrong by failing"
)]

mod batches;
mod bus;
mod conformance;
mod credentials;
mod jetstream;
mod registration;
mod replicas;
mod retold;
mod stage;
