//! Real clients against a running platform: Python grpcio, gRPC-Web and Connect from npm, plain HTTP, Chromium. What they
//! check stands beside the gateway, in `gateway/tests/clients`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::report::{self, Counts};
use crate::running::{Model, Platform};
use crate::tests;
use crate::tools;
use crate::workspace::Workspace;

const SCRIPTS: &str = "gateway/tests/clients";
/// Lets the pages of `browser.mjs` call.
const CONFIGURATION: &str = "[gateway.cors]\nallowed_origins = [\"http://app.example\"]\n";

/// Installs the clients, starts a platform of their own, and runs them against it.
pub(crate) fn run(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let scripts = workspace.root().join(SCRIPTS);
    let requirements = std::fs::read_to_string(scripts.join("requirements.txt"))?;
    let python = tools::python(
        workspace,
        "clients-python",
        &requirements.lines().collect::<Vec<_>>(),
    )?;
    let node = install_node(workspace, &scripts, counts)?;
    tools::browser(workspace)?;

    report::run(tests::executable(workspace), counts)?;
    let settings = workspace.tools().join("clients.toml");
    std::fs::write(&settings, CONFIGURATION)?;
    let platform = Platform::start(workspace, "clients-data", &settings, &Model::Local)?;
    let (address, url) = (platform.address(), format!("http://{}", platform.address()));
    let descriptors = platform.folder().join("troupe.binpb");

    let script = |name: &str| {
        let mut command = workspace.command(python.join("python"));
        command.arg(scripts.join(name)).arg(address);
        command
    };
    let mut grpc = script("python_grpc.py");
    grpc.arg("--descriptor-set").arg(&descriptors);
    let from_npm = |name: &str| {
        let mut command = workspace.command("node");
        command
            .arg(node.join(name))
            .arg(&url)
            .arg(&descriptors)
            .arg(workspace.root().join("examples/cards/maren.png"));
        command
    };
    let mut browser = workspace.command("node");
    browser.arg(scripts.join("browser.mjs")).arg(&url);

    let mut failures = Vec::new();
    let (web, connect) = (from_npm("grpc_web.mjs"), from_npm("connect.mjs"));
    for command in [grpc, web, connect, script("plain_http.py"), browser] {
        failures.extend(report::run(command, counts).err());
    }
    match failures.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Copies the scripts to the tools and installs their packages there, so that nothing is written into the checkout.
fn install_node(workspace: &Workspace, scripts: &Path, counts: &mut Counts) -> Result<PathBuf> {
    let folder = workspace.tools().join("clients-node");
    std::fs::create_dir_all(&folder)?;
    let files = [
        "package.json",
        "package-lock.json",
        "checks.mjs",
        "rpc.mjs",
        "grpc_web.mjs",
        "connect.mjs",
    ];
    for file in files {
        std::fs::copy(scripts.join(file), folder.join(file)).with_context(|| file.to_owned())?;
    }
    tools::npm(workspace, &folder, counts)?;
    Ok(folder)
}
