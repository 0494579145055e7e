//! The listening sockets of a process: the gateway's for everybody, and one of each other role for its peers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use gateway::Gateway;
use mesh::{Readiness, Role};
use platform::Tasks;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use wire::Listener;
use wire::config::Register;

use crate::settings::Settings;

/// How often a process that isn't ready yet is checked.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A process that is ready within this time doesn't log that it waits.
const SOON: Duration = Duration::from_millis(300);

/// The listening sockets, which don't accept yet.
pub(super) struct Sockets {
    gateway: Option<TcpListener>,
    peers: Vec<(Role, TcpListener)>,
}

#[derive(Clone)]
pub(super) struct Addresses {
    pub(super) gateway: Option<SocketAddr>,
    peers: Vec<(Role, SocketAddr)>,
}

impl Sockets {
    /// Listens for the roles of the process; for its peers only where there are some.
    pub(super) async fn open(settings: &Settings, roles: &[Role], has_peers: bool) -> Result<Self> {
        let gateway = match roles.contains(&Role::Gateway) {
            true => Some(listen(settings.gateway.listen).await?),
            false => None,
        };
        let mut peers = Vec::new();
        for role in roles.iter().filter(|_| has_peers) {
            if let Some(address) = settings.mesh.listen.get(*role) {
                let listener = TcpListener::bind(address).await.with_context(|| {
                    format!("can't listen at {address} for {role}; stop what listens there, or change mesh.listen.{role} (TROUPE__MESH__LISTEN__{})", role.name().to_uppercase())
                })?;
                peers.push((*role, listener));
            }
        }
        Ok(Self { gateway, peers })
    }

    pub(super) fn gateway(&self) -> Option<&TcpListener> {
        self.gateway.as_ref()
    }

    /// The addresses, as they came out.
    pub(super) fn addresses(&self) -> Result<Addresses> {
        let mut peers = Vec::new();
        for (role, listener) in &self.peers {
            peers.push((*role, listener.local_addr()?));
        }
        let gateway = self.gateway.as_ref().map(TcpListener::local_addr);
        Ok(Addresses {
            gateway: gateway.transpose()?,
            peers,
        })
    }

    /// Begins to serve. Each task tells at its end whether all calls had ended.
    ///
    /// # Errors
    /// Where a role can't be registered as the configuration says.
    pub(super) fn serve(
        self,
        gateway: Option<Gateway>,
        listeners: Vec<(Role, Listener)>,
        register: &Register,
        tasks: &Tasks,
    ) -> Result<Vec<JoinHandle<bool>>> {
        let mut serving = Vec::new();
        if let (Some(gateway), Some(socket)) = (gateway, self.gateway) {
            let gateway = gateway.leaving(tasks.leaving().clone());
            serving.push(tasks.spawn(gateway.serve(socket, tasks.token().clone())));
        }
        let mut listeners = HashMap::<Role, Listener>::from_iter(listeners);
        for (role, socket) in self.peers {
            let Some(listener) = listeners.remove(&role) else {
                continue;
            };
            let listener = match register.of(role, socket.local_addr()?)? {
                Some(registration) => listener.registered(registration, tasks),
                None => listener,
            };
            serving.push(tasks.spawn(listener.serve(socket, tasks.token().clone())));
        }
        Ok(serving)
    }
}

impl Addresses {
    /// Says where which role is, once the process can do its work, and before that what it waits for.
    pub(super) fn log(&self, data_dir: &Path, readiness: Readiness, tasks: &Tasks) {
        if readiness().is_ok() {
            return self.log_ready(data_dir);
        }
        let (addresses, data_dir) = (self.clone(), data_dir.to_owned());
        let token = tasks.token().clone();
        let waiting = async move {
            let is_soon = tokio::time::timeout(SOON, ready(&readiness)).await;
            if let (Err(_elapsed), Err(missing)) = (is_soon, readiness()) {
                addresses.log_waiting(&data_dir, &missing);
                ready(&readiness).await;
            }
            addresses.log_ready(&data_dir);
        };
        let _tracked = tasks.spawn(token.run_until_cancelled_owned(waiting));
    }

    fn log_ready(&self, data_dir: &Path) {
        let data_dir = data_dir.display();
        if let Some(address) = self.gateway {
            tracing::info!(ready = true, %address, %data_dir, "the platform is ready");
        }
        for (role, address) in &self.peers {
            tracing::info!(ready = true, role = role.name(), %address, %data_dir, "a role is ready");
        }
    }

    fn log_waiting(&self, data_dir: &Path, missing: &str) {
        let data_dir = data_dir.display();
        if let Some(address) = self.gateway {
            tracing::info!(ready = false, %address, %data_dir, missing, "the gateway listens, but the platform isn't ready yet");
        }
        for (role, address) in &self.peers {
            tracing::info!(ready = false, role = role.name(), %address, %data_dir, missing, "a role listens, but isn't ready yet");
        }
    }
}

async fn ready(readiness: &Readiness) {
    while readiness().is_err() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Listens at an address.
///
/// # Errors
/// Where it is taken or not ours, with how to choose another.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!(
            "another program already listens at {address}; stop it, or choose another address with --listen, such as --listen {}:0 for a free port",
            address.ip()
        ),
        _ => anyhow!(error).context(format!("can't listen at {address}; choose another address with --listen")),
    })
    .with_context(|| "the platform was not started")
}
