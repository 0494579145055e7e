//! Troupe's contracts, compiled: messages, clients and servers, the policy of every method and reason, the rules of every
//! field, and the one shape of errors. Knows no transport, no storage and no business rule.

pub mod codec;
pub mod error;
pub mod event;
pub mod policy;
pub mod reason;
pub mod validate;

mod deprecation;
mod role;

#[allow(missing_docs, clippy::all, clippy::pedantic)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

pub use error::{Class, Classify, Code};
pub use event::Event;
pub use generated::google;
pub use generated::troupe;
pub use generated::troupe::errors::v1::Reason;
pub use generated::troupe::events::v1 as events;
pub use generated::troupe::types::v1 as types;
pub use policy::MethodPolicy;
pub use reason::{ReasonPolicy, Retry};
pub use role::Role;

include!(concat!(env!("OUT_DIR"), "/packages.rs"));

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// The encoded `FileDescriptorSet` of all contracts with their options and comments. Keep it encoded: prost's own
/// types drop the options.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Examples of messages in the form of JSON, for each package that has some: an object whose members are called as the messages.
/// They stand beside the contracts, in `examples.json`. Of a message they say what doesn't follow from its fields.
pub const EXAMPLES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/examples.rs"));

/// The descriptors of all contracts.
///
/// # Panics
/// Never: the build decodes the same bytes.
#[expect(clippy::expect_used, reason = "the build decodes the same bytes")]
pub fn descriptor_pool() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(DESCRIPTOR_SET).expect("the build decoded them"));
    &POOL
}
