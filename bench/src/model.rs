//! The scripted model server as a process: answers every chat at once with the same words.

use std::net::SocketAddr;

use anyhow::Result;
use testkit::scripted::{self, Reply};
use tokio::process::Command;

use crate::process::{self, Server, free_address};
use crate::workspace::Workspace;

const WORDS: &str = "The door is never locked, traveller, not while the lamp in the window burns.";

/// Where to serve.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Loopback address to listen on.
    #[arg(long)]
    listen: SocketAddr,
}

/// Serves until the benchmark ends.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let model = scripted::serve(args.listen).await?;
    model.always(Reply::words(WORDS));
    process::parent_gone().await;
    Ok(())
}

/// Starts the server as a process of its own.
pub(crate) async fn start(workspace: &Workspace) -> Result<Server> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["model", "--listen", &address.to_string()]);
    Server::start("model", command, address, workspace.scratch()).await
}
