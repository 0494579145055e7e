//! Tests of the crates, and of the executable from outside.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use crate::tools;
use crate::workspace::Workspace;

const MODEL_CACHE_VARIABLE: &str = "TROUPE_TEST_MODELS";
const MODEL_CACHE: &str = "/var/tmp/troupe-models";

/// Unit and integration tests of every crate. All selections take the whole workspace, so that dependencies are built
/// once, with the same features. Installs the servers that they bring up.
pub(crate) fn of_crates(workspace: &Workspace) -> Result<Command> {
    let mut command = workspace.cargo("test --workspace --no-fail-fast --lib --bins --test it");
    command.env("PATH", path_with_servers(workspace)?);
    command.env(MODEL_CACHE_VARIABLE, model_cache());
    Ok(command)
}

/// The integration tests of the services once more, with their data in PostgreSQL. The programs are those that
/// [`of_crates`] built; cargo is only asked where they are, since it would run those of the other crates too.
pub(crate) fn on_postgres(workspace: &Workspace) -> Result<Vec<Command>> {
    let path = path_with_servers(workspace)?;
    let build = "test --workspace --lib --bins --test it --no-run --message-format json";
    let messages = workspace.output(workspace.cargo(build))?;
    let mut commands = Vec::new();
    for message in messages.lines() {
        let message: Value = serde_json::from_str(message)?;
        let (Some(program), Some(manifest)) = (
            message["executable"].as_str(),
            message["manifest_path"].as_str(),
        ) else {
            continue;
        };
        let folder = Path::new(manifest).parent().unwrap_or(workspace.root());
        let is_of_a_service = folder.parent() == Some(&workspace.root().join("services"));
        if message["target"]["name"] == "it" && is_of_a_service {
            let mut command = workspace.command(program);
            command.current_dir(folder);
            command.env("TROUPE_TEST_STORE", "postgres");
            command.env("PATH", &path);
            commands.push(command);
        }
    }
    Ok(commands)
}

/// Examples in documentation.
pub(crate) fn of_documentation(workspace: &Workspace) -> Command {
    workspace.cargo("test --workspace --no-fail-fast --doc")
}

/// Builds the executable as the end-to-end tests have it: `cargo build` would build many dependencies once more, with fewer
/// features.
pub(crate) fn executable(workspace: &Workspace) -> Command {
    workspace.cargo("test --workspace --no-run --test e2e")
}

/// The executable, driven from outside.
pub(crate) fn end_to_end(workspace: &Workspace, filter: Option<&str>) -> Result<Command> {
    let mut command = workspace.cargo("test --workspace --no-fail-fast --test e2e");
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    command.env("PATH", path_with_servers(workspace)?);
    command.env(MODEL_CACHE_VARIABLE, model_cache());
    Ok(command)
}

/// Many kills, with their ledger.
pub(crate) fn kills(workspace: &Workspace, kills: u32, seed: Option<u32>) -> Result<Command> {
    let mut command = end_to_end(workspace, Some("chaos::"))?;
    command
        .args(["--nocapture"])
        .env("TROUPE_CHAOS_KILLS", kills.to_string())
        .envs(seed.map(|seed| ("TROUPE_CHAOS_SEED", seed.to_string())));
    Ok(command)
}

/// Each server gone for so long.
pub(crate) fn outages(workspace: &Workspace, secs: u32) -> Result<Command> {
    let mut command = end_to_end(workspace, Some("outages::"))?;
    command
        .args(["--nocapture"])
        .env("TROUPE_TEST_OUTAGE_SECS", secs.to_string());
    Ok(command)
}

/// People who use the platform for long. They are built for speed too, since they share the machine with it.
pub(crate) fn soak(workspace: &Workspace, minutes: u32, troupe: Option<&Path>) -> Result<Command> {
    let build = "test --release --workspace --no-fail-fast --test e2e -- soak:: --nocapture";
    let mut command = workspace.cargo(build);
    command.env("TROUPE_SOAK_MINUTES", minutes.to_string());
    if let Some(troupe) = troupe {
        command.env("TROUPE_SOAK_EXECUTABLE", troupe.canonicalize()?);
    }
    Ok(command)
}

/// The search path with the servers that tests and benchmarks bring up, which are installed where they are missing.
pub(crate) fn path_with_servers(workspace: &Workspace) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools::servers(workspace)?).chain(std::env::split_paths(&path));
    Ok(std::env::join_paths(folders)?)
}

/// Where tests keep the weights of the local model between runs.
pub(crate) fn model_cache() -> PathBuf {
    std::env::var_os(MODEL_CACHE_VARIABLE).map_or_else(|| MODEL_CACHE.into(), PathBuf::from)
}
