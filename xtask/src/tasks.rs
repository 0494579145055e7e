//! Which steps a task takes, in which order: what is quick and fails often comes first.

use anyhow::Result;

use crate::report::{self, Counts, Report};
use crate::workspace::Workspace;
use crate::{
    Task, boundaries, buf, clients, deny, openai, openapi, packages, snapshots, tests, tree,
};

/// Runs the steps of a task. Steps that fail are in the report; an error is a task that could not begin.
pub(crate) fn run(task: &Task, workspace: &Workspace, report: &mut Report) -> Result<()> {
    match task {
        Task::Test => {
            check(workspace, report);
            unit(workspace, report);
            on_postgres(workspace, report);
            report.command(
                "examples in documentation",
                tests::of_documentation(workspace),
            );
            end_to_end(workspace, report, None);
            real_clients(workspace, report);
        }
        Task::Check => check(workspace, report),
        Task::Lint => lint(workspace, report),
        Task::Boundaries => boundaries(workspace, report),
        Task::Buf => contracts(workspace, report),
        Task::Openapi => documents(workspace, report),
        Task::Dependencies => deny::check(workspace, report),
        Task::Unit => {
            unit(workspace, report);
            on_postgres(workspace, report);
        }
        Task::E2e { filter } => end_to_end(workspace, report, filter.as_deref()),
        Task::Chaos {
            kills,
            seed,
            outage_secs,
        } => {
            report.step("kills", |counts| {
                report::run(tests::kills(workspace, *kills, *seed)?, counts)
            });
            report.step("outages", |counts| {
                report::run(tests::outages(workspace, *outage_secs)?, counts)
            });
        }
        Task::Soak { minutes, troupe } => {
            report.step("soak", |counts| {
                report::run(tests::soak(workspace, *minutes, troupe.as_deref())?, counts)
            });
        }
        Task::Generate => report.step("client packages, generated", |counts| {
            packages::generate(workspace, counts).map(drop)
        }),
        Task::Clients => real_clients(workspace, report),
        Task::Bench { args } => {
            report.step("benchmarks", |counts| benchmarks(workspace, args, counts))
        }
        Task::Snapshots => report.command("snapshots", snapshots::write(workspace)),
    }
    Ok(())
}

/// All of them, unless the arguments name one. What is measured is built with the benchmarks, in one selection of packages:
/// another would build the dependencies once more, with other features.
fn benchmarks(workspace: &Workspace, args: &[String], counts: &mut Counts) -> Result<()> {
    report::run(
        workspace.cargo("build --release --workspace --bins --examples"),
        counts,
    )?;
    let mut command = workspace.command(workspace.optimised("bench"));
    command.env("PATH", tests::path_with_servers(workspace)?);
    match args {
        [] => command.args(["all", "--report", "bench/RESULTS.md"]),
        named => command.args(named),
    };
    report::run(command, counts)
}

fn unit(workspace: &Workspace, report: &mut Report) {
    report.step("unit and integration tests", |counts| {
        report::run(tests::of_crates(workspace)?, counts)
    });
}

fn on_postgres(workspace: &Workspace, report: &mut Report) {
    report.step("integration tests on PostgreSQL", |counts| {
        for command in tests::on_postgres(workspace)? {
            report::run(command, counts)?;
        }
        Ok(())
    });
}

fn end_to_end(workspace: &Workspace, report: &mut Report, filter: Option<&str>) {
    report.step("end-to-end tests", |counts| {
        report::run(tests::end_to_end(workspace, filter)?, counts)
    });
}

fn check(workspace: &Workspace, report: &mut Report) {
    report.command("rustfmt", workspace.cargo("fmt --all --check"));
    report.step("names and sizes", |_| tree::check(workspace));
    boundaries(workspace, report);
    deny::check(workspace, report);
    contracts(workspace, report);
    documents(workspace, report);
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

fn contracts(workspace: &Workspace, report: &mut Report) {
    report.step("contracts", |counts| buf::check(workspace, counts));
}

fn documents(workspace: &Workspace, report: &mut Report) {
    report.step("OpenAPI document", |counts| {
        openapi::lint(workspace, counts)
    });
}

fn real_clients(workspace: &Workspace, report: &mut Report) {
    report.step("real clients", |counts| clients::run(workspace, counts));
    report.step("clients of OpenAI's API", |counts| {
        openai::run(workspace, counts)
    });
    report.step("client packages", |counts| {
        packages::test(workspace, counts)
    });
}
