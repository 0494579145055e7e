//! Measures Troupe side by side with its peers: `cargo xtask bench`. `bench/README.md` says what and how.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures on standard output and progress on standard error are its purpose"
)]

mod append;
mod backends;
mod cast;
mod client;
mod commits;
mod connection;
mod context;
mod contract;
mod engine;
mod events;
mod example;
mod first_token;
mod gateway;
mod load;
mod mesh;
mod model;
mod overload;
mod platform;
mod process;
mod prompt;
mod report;
mod stats;
mod upstream;
mod vectors;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::gateway::compression;
use crate::report::Report;
use crate::workspace::Workspace;

/// Measures Troupe side by side with its peers and prints ratios.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Executable to measure instead of one built here, such as that of the `dist` profile
    #[arg(long, global = true, value_name = "FILE")]
    troupe: Option<PathBuf>,
    /// File to write the report to, besides printing it
    #[arg(long, global = true, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All of the following
    All {
        #[command(flatten)]
        gateway: gateway::Args,
        #[command(flatten)]
        first_token: first_token::Args,
        #[command(flatten)]
        engine: engine::Args,
        #[command(flatten)]
        backends: backends::Args,
        #[command(flatten)]
        vectors: vectors::Args,
    },
    /// JSON, gRPC-Web, Connect and gRPC through the gateway and through Envoy, against direct gRPC
    Gateway(gateway::Args),
    /// A list in JSON through the gateway, compressed in each way, against the list as it is
    Compression(gateway::Args),
    /// Time to first token through Troupe, against the model server
    FirstToken(first_token::Args),
    /// Prompt compilation for 200 lore entries and 500 messages
    Prompt,
    /// Append to a session of 100,000 messages, against one of 100
    Append,
    /// A turn among eight people and six characters, against one of each
    Cast,
    /// Commits that survive a power cut, against those that don't
    Commits,
    /// Tokens per second of the local engine, against llama.cpp's server
    Engine(engine::Args),
    /// The main calls on PostgreSQL, Redis, JetStream and S3, against the embedded parts
    Backends(backends::Args),
    /// Events from outbox to effect, against a bare publisher
    Events,
    /// Calls while servers die, against tonic's own balance
    Mesh,
    /// Goodput and times under storms of calls, against the capacity; needs two cores
    Overload(overload::Args),
    /// Vectors in a file and in Qdrant: speed, and how many of the nearest are found
    Vectors(vectors::Args),
    /// Serves what the gateways are put before; used by `gateway`
    #[command(hide = true)]
    Upstream(upstream::Args),
    /// Loads an address; used by `gateway`
    #[command(hide = true)]
    Load(load::Args),
    /// Serves a scripted model; used by `first-token`
    #[command(hide = true)]
    Model(model::Args),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = run_until_signal(Arguments::parse()).await;
    done.map_or_else(
        |error| {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

async fn run_until_signal(arguments: Arguments) -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    // Whatever ends the benchmark ends here, so that its child processes are dropped and with that killed.
    tokio::select! {
        done = run(arguments) => done,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let open = || Workspace::open(arguments.troupe.clone());
    let mut report = Report::default();
    match arguments.command {
        Command::Upstream(args) => return upstream::run(&args).await,
        Command::Load(args) => return load::run(args).await,
        Command::Model(args) => return model::run(&args).await,
        Command::All {
            gateway,
            first_token,
            engine,
            backends,
            vectors,
        } => {
            let workspace = open()?;
            report.add("gateway", gateway::run(&workspace, &gateway).await);
            report.add("compression", compression::run(&workspace, &gateway).await);
            report.add(
                "first-token",
                first_token::run(&workspace, &first_token).await,
            );
            report.add("prompt", prompt::run(&workspace).await);
            report.add("append", append::run(&workspace).await);
            report.add("cast", cast::run(&workspace).await);
            report.add("commits", commits::run(&workspace).await);
            match engine.model() {
                Some(_) => report.add("engine", engine::run(&workspace, &engine).await),
                None => report.skip("engine", engine::NO_MODEL),
            }
            report.add("backends", backends::run(&workspace, &backends).await);
            report.add("events", events::run(&workspace).await);
            report.add("mesh", mesh::run(&workspace).await);
            report.add("vectors", vectors::run(&workspace, &vectors).await);
        }
        Command::Gateway(args) => report.add("gateway", gateway::run(&open()?, &args).await),
        Command::Compression(args) => {
            report.add("compression", compression::run(&open()?, &args).await);
        }
        Command::FirstToken(args) => {
            report.add("first-token", first_token::run(&open()?, &args).await);
        }
        Command::Prompt => report.add("prompt", prompt::run(&open()?).await),
        Command::Append => report.add("append", append::run(&open()?).await),
        Command::Cast => report.add("cast", cast::run(&open()?).await),
        Command::Commits => report.add("commits", commits::run(&open()?).await),
        Command::Engine(args) => report.add("engine", engine::run(&open()?, &args).await),
        Command::Backends(args) => report.add("backends", backends::run(&open()?, &args).await),
        Command::Events => report.add("events", events::run(&open()?).await),
        Command::Mesh => report.add("mesh", mesh::run(&open()?).await),
        Command::Overload(args) => report.add("overload", overload::run(&open()?, &args).await),
        Command::Vectors(args) => report.add("vectors", vectors::run(&open()?, &args).await),
    }
    finish(report, arguments.report).await
}

/// Prints the report, writes it where that was asked for, and fails if a benchmark did.
async fn finish(mut report: Report, file: Option<PathBuf>) -> Result<()> {
    report.context = context::lines().await?;
    let text = report.markdown();
    println!("{text}");
    if let Some(file) = file {
        std::fs::write(&file, format!("# Results\n\n{text}"))?;
    }
    if report.has_failures {
        bail!("not everything ran:\n{}", report.missing.join("\n"));
    }
    Ok(())
}
