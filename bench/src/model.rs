//! The scripted model server as a process: answers every chat at once with the same words.

use std::net::SocketAddr;

use anyhow::Result;
use testkit::scripted::{self, Reply};
use tokio::io::AsyncReadExt;

const WORDS: &str = "The door is never locked, traveller, not while the lamp in the window burns.";

/// Where to serve.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Loopback address to listen on.
    #[arg(long)]
    listen: SocketAddr,
}

/// Serves until standard input closes, so that it never outlives the benchmark.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let model = scripted::serve(args.listen).await?;
    model.always(Reply::words(WORDS));
    tokio::io::stdin().read(&mut [0; 1]).await?;
    Ok(())
}
