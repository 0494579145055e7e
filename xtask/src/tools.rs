//! Tools from package registries that tasks need, installed once: into the target folder, but for the browser.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::report::{self, Counts};
use crate::workspace::Workspace;

const BROWSER: &str = "chromium";

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

/// Sees to it that Chromium can be started. Where it is missing and this is root, Debian's package is installed.
pub(crate) fn browser(workspace: &Workspace) -> Result<()> {
    let mut version = workspace.command(BROWSER);
    version.arg("--version");
    if workspace.output(version).is_ok() {
        return Ok(());
    }
    let mut user = workspace.command("id");
    user.arg("-u");
    let is_root = workspace.output(user)?.trim() == "0";
    ensure!(
        is_root,
        "Chromium is needed: install the Debian package {BROWSER}, or another that has the command `{BROWSER}`"
    );
    for arguments in [
        &["update"][..],
        &["install", "--yes", "--no-install-recommends", BROWSER],
    ] {
        let mut apt = workspace.command("apt-get");
        apt.arg("--quiet=2")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        report::run(apt, &mut Counts::default())
            .with_context(|| format!("Chromium is needed: the command `{BROWSER}`"))?;
    }
    Ok(())
}
