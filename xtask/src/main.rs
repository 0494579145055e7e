//! Tasks of the repository: checks, tests, benchmarks. `cargo xtask --help` lists them; `just` wraps them.
#![expect(clippy::print_stdout, reason = "a task talks to whoever started it")]
#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells tasks where things are by variables, and tasks have no settings"
)]

mod boundaries;
mod breaking;
mod buf;
mod clients;
mod deny;
mod metadata;
mod openai;
mod openapi;
mod packages;
mod report;
mod running;
mod sizes;
mod snapshots;
mod tasks;
mod tests;
mod tools;
mod tree;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use report::Report;
use workspace::Workspace;

/// Tasks of the repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Everything, from formatting to the end-to-end tests: what CI runs.
    Test,
    /// Everything that needs no tests to run: formatting, lints, documentation, contracts, boundaries, dependencies.
    Check,
    /// rustfmt and clippy.
    Lint,
    /// Refuses a dependency of one service on another, and of the gateway on a service.
    Boundaries,
    /// `buf lint`, `buf format` and `buf breaking`.
    Buf,
    /// Redocly and Spectral on the OpenAPI document.
    Openapi,
    /// `cargo deny`: licences, bans, sources and advisories of dependencies.
    Dependencies,
    /// Unit and integration tests of every crate; those of services on SQLite and on PostgreSQL.
    Unit,
    /// Drives the built executable from outside.
    E2e {
        /// Runs only the tests whose names contain this.
        filter: Option<String>,
    },
    /// Kills the platform's processes and its servers at random times under numbered writes, and lets them stand still: with
    /// all roles in one process, then with two processes of each. Restarts those one after another, holds servers away and
    /// full, and prints the ledgers. CI does a short form of it with the end-to-end tests.
    Chaos {
        /// How many kills or pauses of each.
        #[arg(long, default_value_t = 30)]
        kills: u32,
        /// Makes the times of the kills the same as in the run that printed it.
        #[arg(long)]
        seed: Option<u32>,
        /// How many seconds each server is gone, one after the other.
        #[arg(long, default_value_t = 60)]
        outage_secs: u32,
    },
    /// Lets people use the platform for long, at half of the rate that it bears, and fails if its memory grows: built as it is
    /// shipped, with a scripted model. CI does a short form of it with the end-to-end tests.
    Soak {
        /// How long. The memory of the last sixth of it is compared with that of the second.
        #[arg(long, default_value_t = 60)]
        minutes: u32,
        /// Executable to take instead of one built here.
        #[arg(long, value_name = "FILE")]
        troupe: Option<PathBuf>,
    },
    /// Writes what the client packages need of the contracts, into `clients/`. They can then be installed from their folders.
    Generate,
    /// Tries real clients against the platform: Python grpcio, gRPC-Web and Connect from npm, plain HTTP, Chromium, those that
    /// generators make of the OpenAPI document, those of OpenAI's API, and the client packages.
    Clients,
    /// Compares with others, side by side; prints ratios.
    Bench {
        /// What the comparison is given.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Writes the policy table and the OpenAPI document anew; read their diff.
    Snapshots,
}

fn main() -> ExitCode {
    match run(&Cli::parse().task) {
        Ok(report) => report.finish(),
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<Report> {
    let workspace = Workspace::find()?;
    let mut report = Report::default();
    tasks::run(task, &workspace, &mut report)?;
    Ok(report)
}
