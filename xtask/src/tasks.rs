//! Which steps a task takes, in which order: what is quick and fails often comes first.

use std::process::Command;

use anyhow::Result;

use crate::report::Report;
use crate::workspace::Workspace;
use crate::{Task, boundaries, buf, clients, licences, snapshots, tests, tree};

/// Runs the steps of a task. Steps that fail are in the report; an error is a task that could not begin.
pub(crate) fn run(task: &Task, workspace: &Workspace, report: &mut Report) -> Result<()> {
    match task {
        Task::Test => {
            check(workspace, report);
            report.command("unit and integration tests", tests::of_crates(workspace));
            report.command(
                "examples in documentation",
                tests::of_documentation(workspace),
            );
            report.command("end-to-end tests", tests::end_to_end(workspace, None));
            real_clients(workspace, report);
        }
        Task::Check => check(workspace, report),
        Task::Lint => lint(workspace, report),
        Task::Boundaries => boundaries(workspace, report),
        Task::Buf => contracts(workspace, report),
        Task::Licences => dependency_licences(workspace, report),
        Task::Unit => report.command("unit and integration tests", tests::of_crates(workspace)),
        Task::E2e { filter } => {
            report.command(
                "end-to-end tests",
                tests::end_to_end(workspace, filter.as_deref()),
            );
        }
        Task::Clients => real_clients(workspace, report),
        Task::Bench { args } => report.command("benchmarks", benchmarks(workspace, args)),
        Task::Snapshots => report.command("snapshots", snapshots::write(workspace)),
    }
    Ok(())
}

/// All of them, unless the arguments name one.
fn benchmarks(workspace: &Workspace, args: &[String]) -> Command {
    let mut command = workspace.cargo("run --release -p bench --");
    match args {
        [] => command.args(["all", "--report", "bench/RESULTS.md"]),
        named => command.args(named),
    };
    command
}

fn check(workspace: &Workspace, report: &mut Report) {
    report.command("rustfmt", workspace.cargo("fmt --all --check"));
    report.step("names and sizes", |_| tree::check(workspace));
    boundaries(workspace, report);
    dependency_licences(workspace, report);
    contracts(workspace, report);
    clippy(workspace, report);
    let mut rustdoc = workspace.cargo("doc --workspace --no-deps --document-private-items");
    rustdoc.env("RUSTDOCFLAGS", "-D warnings");
    report.command("rustdoc", rustdoc);
}

fn lint(workspace: &Workspace, report: &mut Report) {
    report.command("rustfmt", workspace.cargo("fmt --all --check"));
    clippy(workspace, report);
}

fn clippy(workspace: &Workspace, report: &mut Report) {
    report.command(
        "clippy",
        workspace.cargo("clippy --workspace --all-targets -- -D warnings"),
    );
}

fn boundaries(workspace: &Workspace, report: &mut Report) {
    report.step("boundaries", |_| boundaries::check(workspace));
}

fn dependency_licences(workspace: &Workspace, report: &mut Report) {
    report.step("licences of dependencies", |_| licences::check(workspace));
}

fn contracts(workspace: &Workspace, report: &mut Report) {
    report.step("contracts", |counts| buf::check(workspace, counts));
}

fn real_clients(workspace: &Workspace, report: &mut Report) {
    report.step("real clients", |counts| clients::run(workspace, counts));
}
