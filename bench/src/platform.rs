//! Troupe as `troupe up` runs it, all in one process.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::process::Command;

use crate::process::{Server, free_address};
use crate::workspace::Workspace;

/// Budgets that one person doesn't exhaust; they are counted all the same.
const CLASSES: [&str; 4] = ["READ", "WRITE", "CREDENTIALS", "GENERATE"];

/// Starts a platform on an empty data folder whose replies and embeddings come from the server at `model`.
pub(crate) async fn start(
    workspace: &Workspace,
    name: &str,
    model: SocketAddr,
    variables: &[(&str, String)],
) -> Result<Server> {
    let address = free_address()?;
    let mut command = Command::new(workspace.troupe()?);
    command
        .arg("up")
        .arg("--data-dir")
        .arg(workspace.scratch().join(name))
        .args(["--listen", &address.to_string()])
        .env("TROUPE__AI__OPENAI__BASE_URL", format!("http://{model}/v1"))
        .env("TROUPE__AI__EMBEDDINGS__MODEL", "openai/scripted-words")
        .env("TROUPE__LOG__LEVEL", "warn")
        .envs(variables.iter().map(|(name, value)| (name, value)));
    for class in CLASSES {
        for limit in ["PER_SECOND", "BURST"] {
            let variable = format!("TROUPE__GATEWAY__RATES__{class}__{limit}");
            command.env(variable, "1000000");
        }
    }
    Server::start(name, command, address, workspace.scratch()).await
}
