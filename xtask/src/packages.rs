//! The client packages in `clients/`: what is generated of them, and their tests.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::report::{self, Counts};
use crate::running::{Model, Platform, ScriptedModel};
use crate::workspace::Workspace;
use crate::{buf, tests, tools};

const PYTHON: &str = "clients/python";
const TYPESCRIPT: &str = "clients/typescript";

/// Writes what they need of the contracts. Returns where Python is that has the packages of their development.
pub(crate) fn generate(workspace: &Workspace, counts: &mut Counts) -> Result<PathBuf> {
    let requirements = workspace.root().join(PYTHON).join("requirements.txt");
    let requirements = std::fs::read_to_string(requirements)?;
    let packages: Vec<&str> = requirements.lines().collect();
    let python = tools::python(workspace, "client-packages", &packages)?;
    tools::npm(workspace, &workspace.root().join(TYPESCRIPT), counts)?;

    let mut generate = workspace.command(buf::program(workspace)?);
    generate.args(["generate", "--template", "clients/buf.gen.yaml"]);
    // The template calls `python`.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(python.clone()).chain(std::env::split_paths(&path));
    generate.env("PATH", std::env::join_paths(folders)?);
    report::run(generate, counts)?;
    Ok(python)
}

/// Generates and installs them, and runs their tests: those of parts, and those against a platform of their own.
pub(crate) fn test(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let python = generate(workspace, counts)?;
    install(workspace, &python, counts)?;
    tools::browser(workspace)?;
    report::run(tests::executable(workspace), counts)?;

    let script = workspace.root().join("clients/scripted_model.py");
    let model = ScriptedModel::start(&python, &script)?;
    let settings = workspace.root().join("clients/platform.toml");
    let server = Model::Server(model.url());
    let platform = Platform::start(workspace, "client-packages-data", &settings, &server)?;
    let url = format!("http://{}", platform.address());

    let npm = |script: &str| {
        let mut command = workspace.command("npm");
        command.args(["run", "--silent", script]);
        command.current_dir(workspace.root().join(TYPESCRIPT));
        command.env("TROUPE_TEST_URL", &url);
        command
    };
    let python = |folder: &str| {
        let mut command = workspace.command(python.join("python"));
        command.args(["-m", "tests", folder]);
        command.current_dir(workspace.root().join(PYTHON));
        command.env("TROUPE_TEST_URL", &url);
        command
    };
    let commands = [
        npm("test"),
        python("unit"),
        npm("test:platform"),
        python("platform"),
    ];
    let mut failures = Vec::new();
    for command in commands {
        failures.extend(report::run(command, counts).err());
    }
    match failures.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Installs the Python package as people do, from its folder. Files of an earlier build would get into the new one.
fn install(workspace: &Workspace, python: &Path, counts: &mut Counts) -> Result<()> {
    let folder = workspace.root().join(PYTHON);
    let earlier = folder.join("build");
    if earlier.exists() {
        std::fs::remove_dir_all(earlier)?;
    }
    let mut pip = workspace.command(python.join("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"])
        .args(["--no-deps", "--no-build-isolation", "--force-reinstall"])
        .arg(folder);
    report::run(pip, counts)
}
