//! Compiles the contracts without protoc, and emits what only the descriptors know: the policy table, the reasons, the
//! validators, the events. Fails, naming the method or field, where a policy is missing, a list has no pages, or nothing
//! enforces a rule.

#[path = "build/behaviour.rs"]
mod behaviour;
#[path = "build/deletions.rs"]
mod deletions;
#[path = "src/deprecation.rs"]
mod deprecation;
#[path = "build/events.rs"]
mod events;
#[path = "build/headings.rs"]
mod headings;
#[path = "build/lists.rs"]
mod lists;
#[path = "build/names.rs"]
mod names;
#[path = "build/policy.rs"]
mod policy;
#[path = "build/reasons.rs"]
mod reasons;
#[path = "build/rules.rs"]
mod rules;
#[path = "build/streams.rs"]
mod streams;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use prost::Message;
use prost_reflect::DescriptorPool;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts where things are by variables"
)]
fn main() -> Result<()> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for watched in ["troupe", "third_party", "build", "src/deprecation.rs"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }

    let encoded = compile(&root)?;
    std::fs::write(out.join("descriptors.bin"), &encoded)?;

    let pool = DescriptorPool::decode(encoded.as_slice()).context("descriptors")?;
    streams::check(&pool)?;
    headings::check(&pool)?;
    std::fs::write(out.join("examples.rs"), examples(&root)?)?;
    std::fs::write(out.join("events.rs"), events::emit(&pool)?)?;
    std::fs::write(out.join("packages.rs"), packages(&pool))?;
    std::fs::write(out.join("policy.rs"), policy::emit(&pool)?)?;
    let catalogue = reasons::emit(&pool, "troupe.errors.v1.Reason")?;
    std::fs::write(out.join("reasons.rs"), catalogue)?;
    std::fs::write(out.join("validators.rs"), rules::emit(&pool)?)?;
    generate(&encoded)
}

/// A short path for each package that has services: `users` for `troupe.users.v1`.
fn packages(pool: &DescriptorPool) -> String {
    let names = pool
        .services()
        .map(|service| service.package_name().to_owned());
    let names: BTreeSet<String> = names.filter(|name| name.starts_with("troupe.")).collect();
    let paths = names.iter().filter_map(|name| {
        let [_, role, version] = name.split('.').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(format!(
            "pub use generated::troupe::{role}::{version} as {role};\n"
        ))
    });
    paths.collect()
}

/// The examples that stand beside the contracts, with the packages that they are for.
fn examples(root: &Path) -> Result<String> {
    let mut code = String::from("&[\n");
    for file in files(&root.join("troupe"), "json")? {
        let folder = file.strip_prefix(root)?.parent().context("a folder")?;
        let names: Vec<_> = folder.iter().map(|name| name.to_string_lossy()).collect();
        let (package, path) = (names.join("."), file.display().to_string());
        code.push_str(&format!("    ({package:?}, include_str!({path:?})),\n"));
    }
    code.push_str("]\n");
    Ok(code)
}

/// The encoded descriptor set. It must stay encoded: prost's own types drop the options that we read.
fn compile(root: &Path) -> Result<Vec<u8>> {
    let files = files(&root.join("troupe"), "proto")?;
    let mut compiler = protox::Compiler::new([root.to_path_buf(), root.join("third_party")])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(files)?;
    Ok(compiler.encode_file_descriptor_set())
}

fn files(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Generates messages, clients and servers for our packages, and for what ours hold of others: `google.api.HttpBody` and
/// `google.rpc.Code`.
fn generate(encoded: &[u8]) -> Result<()> {
    let mut set = prost_types::FileDescriptorSet::decode(encoded)?;
    set.file.retain(|f| {
        f.package().starts_with("troupe.")
            || f.name() == "google/api/httpbody.proto"
            || f.name() == "google/rpc/code.proto"
            || f.package() == "google.protobuf"
    });
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::codec::ValidatingCodec")
        .bytes(".google.api.HttpBody")
        .include_file("contracts.rs")
        .compile_fds(set)?;
    Ok(())
}
