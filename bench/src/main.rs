//! Measures Troupe side by side with its peers: `cargo run --release -p bench -- all`. `bench/README.md` says what and how.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures on standard output and progress on standard error are its purpose"
)]

mod connection;
mod contract;
mod gateway;
mod load;
mod process;
mod report;
mod stats;
mod upstream;
mod workspace;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::report::Report;
use crate::workspace::Workspace;

/// Measures Troupe side by side with its peers and prints ratios.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// JSON, gRPC-Web and gRPC through the gateway and through Envoy, against direct gRPC.
    Gateway(gateway::Args),
    /// Serves what the gateways are put before; used by `gateway`.
    #[command(hide = true)]
    Upstream(upstream::Args),
    /// Loads an address; used by `gateway`.
    #[command(hide = true)]
    Load(load::Args),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut terminated = signal(SignalKind::terminate())?;
    // Whatever ends the benchmark ends here, so that its child processes are dropped and with that killed.
    tokio::select! {
        done = run(arguments.command) => done,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    }
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Upstream(args) => upstream::run(&args).await,
        Command::Load(args) => load::run(args).await,
        Command::Gateway(args) => {
            let workspace = Workspace::open()?;
            let section = gateway::run(&workspace, &args).await?;
            let report = Report {
                sections: vec![section],
                ..Report::default()
            };
            println!("{}", report.markdown());
            Ok(())
        }
    }
}
