//! The contract of the gateway's benchmark, as `build.rs` compiles it.
#![expect(unreachable_pub, clippy::allow_attributes, reason = "generated")]

/// The descriptors with the HTTP rules, for the gateways.
pub(crate) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
/// Name of the service.
pub(crate) const SERVICE: &str = "troupe.bench.v1.GreetingService";

tonic::include_proto!("troupe.bench.v1");
