//! Troupe's gateway: gRPC, gRPC-Web and JSON on one port, driven by descriptors. It knows no business rule and no
//! service: what it routes to, how it fills messages from HTTP, and who may call what, it reads from the contracts.

mod accept;
mod address;
mod admission;
mod bounded;
mod caching;
mod catalog;
mod config;
mod content;
mod exchanges;
mod form;
mod front;
mod gateway;
mod grpc;
mod guard;
mod headers;
mod host;
mod json;
mod listener;
mod media;
mod messages;
mod mounts;
pub mod openapi;
mod pages;
mod policy;
mod rates;
mod refusal;
mod rest;
mod route;
mod rule;
mod schema;
mod single;
mod stream;
mod tail;
mod timeout;
mod transcode;
mod visit;
mod web;
mod wire;

pub use address::{InvalidNetwork, Network};
pub use catalog::BuildError;
pub use config::{Config, ConfigError, Cors, Json, Limits, Rates};
pub use gateway::{Gateway, Readiness, build};
pub use host::{InvalidHost, check_host};
pub use mounts::mount;
pub use platform::limits::Rate;
