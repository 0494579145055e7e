//! The OpenAPI document as others see it: what linters say of it, and what generators make of it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::report::{self, Counts};
use crate::tools;
use crate::workspace::Workspace;

const SCRIPTS: &str = "gateway/tests/openapi";
const FROM_NPM: [&str; 5] = [
    "../clients/checks.mjs",
    "lint.mjs",
    "generated.mjs",
    "hey_api.ts",
    "openapi_fetch.ts",
];

/// Has Redocly and Spectral read the document that is checked in.
pub(crate) fn lint(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let mut command = workspace.command("node");
    command
        .arg(install(workspace)?.join("lint.mjs"))
        .arg(workspace.root().join("proto/openapi.json"));
    report::run(command, counts)
}

/// Commands that make clients of the document of a running platform, and have them talk to it.
pub(crate) fn generated(workspace: &Workspace, address: &str) -> Result<[Command; 2]> {
    let scripts = workspace.root().join(SCRIPTS);
    let requirements = std::fs::read_to_string(scripts.join("requirements.txt"))?;
    let packages: Vec<&str> = requirements.lines().collect();
    let bin = tools::python(workspace, "openapi-python", &packages)?;
    let mut python = workspace.command(bin.join("python"));
    python
        .arg(scripts.join("generated.py"))
        .arg(address)
        .arg(workspace.tools().join("openapi-python-made"));
    let mut node = workspace.command("node");
    node.arg(install(workspace)?.join("generated.mjs"))
        .arg(format!("http://{address}"));
    Ok([python, node])
}

fn install(workspace: &Workspace) -> Result<PathBuf> {
    let scripts = workspace.root().join(SCRIPTS);
    tools::node(workspace, "openapi-node", &scripts, &FROM_NPM)
}
