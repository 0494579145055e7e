//! `buf`: the contracts' form, their style, and that they don't break clients of the version before.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::breaking::{self, CHANGELOG};
use crate::report::{self, Counts};
use crate::tools;
use crate::workspace::Workspace;

const PACKAGE: &str = "buf-bin==1.75.0";

/// Where `buf` is, once it is installed.
pub(crate) fn program(workspace: &Workspace) -> Result<PathBuf> {
    Ok(tools::python(workspace, "buf", &[PACKAGE])?.join("buf"))
}

/// Checks the contracts.
pub(crate) fn check(workspace: &Workspace, counts: &mut Counts) -> Result<()> {
    let program = program(workspace)?;
    let buf = |args: &[&str]| {
        let mut command = workspace.command(&program);
        command.args(args);
        command
    };
    let mut check = |command: Command| report::run(command, counts);
    check(buf(&["lint"]))?;
    check(buf(&["format", "--diff", "--exit-code"]))?;
    match earlier_commit(workspace) {
        Some(commit) => {
            let against = format!(".git#ref={commit}");
            let buf = buf(&["breaking", "--error-format", "json", "--against", &against]);
            let mut show = workspace.command("git");
            show.args(["show", &format!("{commit}:{CHANGELOG}")]);
            let before = workspace.output(show)?;
            let now = std::fs::read_to_string(workspace.root().join(CHANGELOG))?;
            breaking::check(buf, &before, &now)
        }
        None => {
            println!("no earlier commit has contracts to compare with");
            Ok(())
        }
    }
}

/// What the contracts are compared with: where this branch left main, or on main the commit before; none if that one
/// has no contracts.
fn earlier_commit(workspace: &Workspace) -> Option<String> {
    let git = |args: &[&str]| {
        let mut command = workspace.command("git");
        command.args(args);
        workspace
            .output(command)
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let head = git(&["rev-parse", "HEAD"])?;
    let fork = git(&["merge-base", "HEAD", "origin/main"]).filter(|fork| *fork != head);
    let commit = fork.or_else(|| git(&["rev-parse", "--verify", "--quiet", "HEAD~"]))?;
    git(&["cat-file", "-e", &format!("{commit}:buf.yaml")])?;
    Some(commit)
}
