//! HTTP to addresses that people give us: webhooks, push endpoints, imports. Whoever gives an address must not reach
//! through us what only we can reach: our own machine, our networks, a cloud's metadata.
//!
//! [`Client::send`] is the whole of it. The address is judged as it is written, then its name is resolved once, every
//! answer is judged, and the connection goes to a judged answer and nowhere else. Nothing else says where to go: no
//! redirect, no proxy, no variable of the environment, no connection of an earlier request.
//!
//! The crate knows nothing of what is sent, signs nothing and never tries again. How many requests run at once is the
//! caller's to bound.

mod address;
mod client;
mod config;
mod error;
mod request;
mod reserved;
mod resolver;

pub use client::Client;
pub use config::{Config, ConfigError};
pub use error::{BuildError, Error, Refusal};
pub use request::{Answer, Request};
pub use reserved::Reserved;
pub use resolver::{Resolver, SystemResolver};
