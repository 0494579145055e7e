//! Real clients against a running platform: Python grpcio, `buf curl`, gRPC-Web and Connect from npm, plain HTTP, Chromium, and
//! those that generators make. What they check stands beside the gateway, in `gateway/tests/clients` and `gateway/tests/openapi`.

use anyhow::Result;

use crate::openapi;
use crate::report::{self, Counts};
use crate::running::{Model, Platform};
use crate::tests;
use crate::workspace::Workspace;
use crate::{buf, tools};

const SCRIPTS: &str = "gateway/tests/clients";
/// Scripts that need packages from npm.
const FROM_NPM: [&str; 4] = ["checks.mjs", "rpc.mjs", "grpc_web.mjs", "connect.mjs"];
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
    let node = tools::node(workspace, "clients-node", &scripts, &FROM_NPM)?;
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

    // It asks the gateway itself for the contract, by a stream of Connect.
    let mut reflection = workspace.command(buf::program(workspace)?);
    reflection
        .args(["curl", "--http2-prior-knowledge", "--data", "{}"])
        .arg(format!("{url}/grpc.health.v1.Health/Check"));

    let mut failures = Vec::new();
    let (web, connect) = (from_npm("grpc_web.mjs"), from_npm("connect.mjs"));
    let generated = openapi::generated(workspace, address)?;
    let ours = [
        grpc,
        reflection,
        web,
        connect,
        script("plain_http.py"),
        browser,
    ];
    for command in ours.into_iter().chain(generated) {
        failures.extend(report::run(command, counts).err());
    }
    match failures.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}
