//! Tools from package registries that tasks need, installed once into the target folder.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::report::{self, Counts};
use crate::workspace::Workspace;

/// A Python environment with packages such as `buf-bin==1.50.0`; returns its `bin` folder. What is there already is
/// used as it is.
pub(crate) fn python(workspace: &Workspace, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = workspace.tools().join(name);
    let bin = folder.join("bin");
    let stamp = folder.join("installed.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(bin);
    }
    let mut venv = workspace.command("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    report::run(venv, &mut Counts::default()).context("Python 3 with venv and pip is needed")?;
    let mut pip = workspace.command(bin.join("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"])
        .args(packages);
    report::run(pip, &mut Counts::default())?;
    std::fs::write(&stamp, wanted)?;
    Ok(bin)
}
