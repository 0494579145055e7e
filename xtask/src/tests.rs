//! Tests of the crates, and of the executable from outside.

use std::path::PathBuf;
use std::process::Command;

use crate::workspace::Workspace;

const MODEL_CACHE_VARIABLE: &str = "TROUPE_TEST_MODELS";
const MODEL_CACHE: &str = "/var/tmp/troupe-models";

/// Unit and integration tests of every crate. All selections take the whole workspace, so that dependencies are built
/// once, with the same features.
pub(crate) fn of_crates(workspace: &Workspace) -> Command {
    workspace.cargo("test --workspace --no-fail-fast --lib --bins --test it")
}

/// Examples in documentation.
pub(crate) fn of_documentation(workspace: &Workspace) -> Command {
    workspace.cargo("test --workspace --no-fail-fast --doc")
}

/// The executable, driven from outside.
pub(crate) fn end_to_end(workspace: &Workspace, filter: Option<&str>) -> Command {
    let mut command = workspace.cargo("test --workspace --no-fail-fast --test e2e");
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    command.env(MODEL_CACHE_VARIABLE, model_cache());
    command
}

/// Where tests keep the weights of the local model between runs.
pub(crate) fn model_cache() -> PathBuf {
    std::env::var_os(MODEL_CACHE_VARIABLE).map_or_else(|| MODEL_CACHE.into(), PathBuf::from)
}
