//! Clients of OpenAI's API against a running platform: OpenAI's own packages and the AI SDK. What they check stands beside the gateway,
//! in `gateway/tests/openai`.

use anyhow::Result;

use crate::report::{self, Counts};
use crate::running::{Model, Platform, ScriptedModel};
use crate::workspace::Workspace;
use crate::{tests, tools};

const SCRIPTS: &str = "gateway/tests/openai";
const FROM_NPM: [&str; 2] = ["../clients/checks.mjs", "sdk.mjs"];

/// Installs the clients, starts a platform of their own with a scripted model, and runs them against it.
pub(crate) fn run(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let scripts = workspace.root().join(SCRIPTS);
    let requirements = std::fs::read_to_string(scripts.join("requirements.txt"))?;
    let packages: Vec<&str> = requirements.lines().collect();
    let python = tools::python(workspace, "openai-python", &packages)?;
    let node = tools::node(workspace, "openai-node", &scripts, &FROM_NPM)?;
    report::run(tests::executable(workspace), counts)?;

    let model = ScriptedModel::start(&python, &scripts.join("scripted_model.py"))?;
    let (settings, server) = (scripts.join("platform.toml"), Model::Server(model.url()));
    let platform = Platform::start(workspace, "openai-data", &settings, &server)?;
    let url = format!("http://{}", platform.address());

    let mut sdk = workspace.command(python.join("python"));
    sdk.arg(scripts.join("sdk.py")).arg(&url);
    let mut node_sdk = workspace.command("node");
    node_sdk
        .arg(node.join("sdk.mjs"))
        .arg(&url)
        .arg(workspace.root().join("examples/cards/maren.png"));
    let failed = report::run(sdk, counts).err();
    match failed.or(report::run(node_sdk, counts).err()) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}
