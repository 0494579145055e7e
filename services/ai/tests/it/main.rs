//! The ai service through the real mesh stack, against the scripted model server.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests say what went wrong by failing"
)]

mod accounting;
mod audience;
mod catalog;
mod completing;
mod conformance;
mod dialects;
mod embeddings;
mod faults;
mod faulty;
mod generating;
mod local_engine;
mod platform_in_test;
mod provider_failures;
mod refusals;
mod routes;
mod servers;
mod streams;
mod told;
