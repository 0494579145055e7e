//! Compiles the benchmark's own contract without protoc.

use std::path::PathBuf;

use anyhow::Result;
use prost::Message;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts where things are by variables"
)]
fn main() -> Result<()> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let protos = root.join("proto");
    println!("cargo::rerun-if-changed={}", protos.display());

    let mut compiler = protox::Compiler::new([protos, root.join("../proto/third_party")])?;
    compiler
        .include_imports(true)
        .open_file("troupe/bench/v1/greeting_service.proto")?;
    // Encoded, because prost's own types drop the HTTP rules that the gateways read.
    let encoded = compiler.encode_file_descriptor_set();
    std::fs::write(out.join("descriptors.bin"), &encoded)?;

    let mut set = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    set.file.retain(|file| file.package() == "troupe.bench.v1");
    tonic_prost_build::configure()
        .build_client(false)
        .build_transport(false)
        .compile_fds(set)?;
    Ok(())
}
