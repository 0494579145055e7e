//! The ai service through the real mesh stack, against the scripted model server.

mod accounting;
mod audience;
mod catalog;
mod generating;
mod local_engine;
mod platform_in_test;
mod provider_failures;
