//! Troupe as its operators run it: all in one process, or a process for each role.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio::process::Command;

use crate::client::Client;
use crate::process::{self, Server, free_address};
use crate::workspace::Workspace;

/// Budgets that one person doesn't exhaust; they are counted all the same.
const CLASSES: [&str; 4] = ["READ", "WRITE", "CREDENTIALS", "GENERATE"];
/// In the order in which they need one another; the gateway comes after them.
const SERVICES: [&str; 3] = ["users", "ai", "roleplay"];

/// A platform on an empty data folder, whose replies and embeddings come from the server at `model`.
pub(crate) struct Setup<'a> {
    workspace: &'a Workspace,
    name: &'a str,
    model: SocketAddr,
    variables: Vec<(&'a str, String)>,
}

impl<'a> Setup<'a> {
    /// One that is told besides what `variables` say.
    pub(crate) fn new(
        workspace: &'a Workspace,
        name: &'a str,
        model: SocketAddr,
        variables: Vec<(&'a str, String)>,
    ) -> Self {
        Self {
            workspace,
            name,
            model,
            variables,
        }
    }

    /// Starts it in one process.
    pub(crate) async fn up(&self) -> Result<Server> {
        let address = free_address()?;
        let mut command = self.command(self.name)?;
        command.arg("up").args(["--listen", &address.to_string()]);
        let server = self.started(self.name, command, address).await?;
        Client::until_ok(address, "/readyz").await?;
        Ok(server)
    }

    /// Starts a process for each role, which prove to one another who they are; the gateway is the last.
    pub(crate) async fn processes(&self) -> Result<Vec<Server>> {
        let certificates = self.certificates().await?;
        let mut peers = Vec::new();
        for role in SERVICES {
            peers.push((role, free_address()?));
        }
        let mut servers = Vec::new();
        for (role, address) in &peers {
            let command = self.serve(role, &certificates, &peers)?;
            let name = self.name_of(role);
            servers.push(self.started(&name, command, *address).await?);
        }
        let address = free_address()?;
        let mut gateway = self.serve("gateway", &certificates, &peers)?;
        gateway.args(["--listen", &address.to_string()]);
        servers.push(
            self.started(&self.name_of("gateway"), gateway, address)
                .await?,
        );
        Client::until_ok(address, "/readyz").await?;
        Ok(servers)
    }

    async fn certificates(&self) -> Result<PathBuf> {
        let folder = self.workspace.scratch().join("certificates");
        let mut command = Command::new(self.workspace.troupe()?);
        command.args(["certs", "dev", "--dir"]).arg(&folder);
        process::run("making certificates", command).await?;
        Ok(folder)
    }

    fn serve(
        &self,
        role: &str,
        certificates: &Path,
        peers: &[(&str, SocketAddr)],
    ) -> Result<Command> {
        let mut command = self.command(&self.name_of(role))?;
        command
            .args(["serve", role])
            .env("TROUPE__MESH__CERTIFICATES", certificates);
        for (peer, address) in peers {
            let peer = peer.to_uppercase();
            for key in ["LISTEN", "PEERS"] {
                command.env(format!("TROUPE__MESH__{key}__{peer}"), address.to_string());
            }
        }
        Ok(command)
    }

    fn name_of(&self, role: &str) -> String {
        format!("{}-{role}", self.name)
    }

    async fn started(&self, name: &str, command: Command, address: SocketAddr) -> Result<Server> {
        Server::start(name, command, address, self.workspace.scratch()).await
    }

    fn command(&self, folder: &str) -> Result<Command> {
        let mut command = Command::new(self.workspace.troupe()?);
        command
            .arg("--data-dir")
            .arg(self.workspace.scratch().join(folder))
            .env(
                "TROUPE__AI__OPENAI__BASE_URL",
                format!("http://{}/v1", self.model),
            )
            .env("TROUPE__AI__EMBEDDINGS__MODEL", "openai/scripted-words")
            .env("TROUPE__ROLEPLAY__GENERATIONS_PER_PERSON", "1000000")
            .env("TROUPE__LOG__LEVEL", "warn")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        for class in CLASSES {
            for limit in ["PER_SECOND", "BURST"] {
                let variable = format!("TROUPE__GATEWAY__RATES__{class}__{limit}");
                command.env(variable, "1000000");
            }
        }
        Ok(command)
    }
}
