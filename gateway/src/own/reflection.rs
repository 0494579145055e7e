//! `grpc.reflection.v1`, by `tonic-reflection`: what can be called from outside, and nothing else.

use prost_reflect::prost_types::FileDescriptorSet;
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tonic_reflection::server::{Builder, Error};

/// Answers with these descriptors.
pub(super) fn new(
    descriptors: FileDescriptorSet,
) -> Result<ServerReflectionServer<impl ServerReflection>, Error> {
    // The set has the service itself.
    let builder = Builder::configure().include_reflection_service(false);
    builder.register_file_descriptor_set(descriptors).build_v1()
}
