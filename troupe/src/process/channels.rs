//! The channels of a process to the roles, in this process and in others.

use anyhow::{Context, Result, anyhow};
use mesh::{Channel, Readiness, Role, Server};
use platform::Tasks;
use service::BuildError;
use wire::{Identity, Listener, Upstream};

/// Makes channels from one role to another: inside the process, or through the mesh.
pub(super) struct Channels {
    here: Vec<Server>,
    mesh: Option<Mesh>,
    /// The tasks that keep connections to other processes.
    connections: Tasks,
}

/// What a process needs to call other processes and to be called by them.
pub(super) struct Mesh {
    config: wire::Config,
    /// One for each role of the process.
    identities: Vec<Identity>,
}

impl Mesh {
    /// Reads the certificates of the process's roles.
    ///
    /// # Errors
    /// Where some are missing or can't be used; says what to do.
    pub(super) fn load(config: &wire::Config, roles: &[Role]) -> Result<Self> {
        let folder = config.certificates();
        let load = |role: &Role| Identity::load(&folder, *role);
        let identities: Result<Vec<_>, _> = roles.iter().map(load).collect();
        let identities = identities.context(
            "roles need certificates to prove who they are; make some with `troupe certs dev`, or set mesh.certificates to the folder that has them",
        )?;
        Ok(Self {
            config: config.clone(),
            identities,
        })
    }

    fn identity(&self, role: Role) -> Result<&Identity> {
        let identity = self.identities.iter().find(|it| it.role() == role);
        identity.with_context(|| format!("this process is not {role}"))
    }

    fn channel(&self, caller: Role, to: Role, connections: &Tasks) -> Result<Channel> {
        let endpoints = self.config.peers.endpoints(to)?;
        let identity = self.identity(caller)?.clone();
        Ok(Upstream::to(to, endpoints, Some(identity), connections).channel())
    }
}

impl Channels {
    /// Nobody in the process yet. Without a mesh there is nobody elsewhere. Connections last until `connections` are asked
    /// to end.
    pub(super) fn new(mesh: Option<Mesh>, connections: &Tasks) -> Self {
        Self {
            here: Vec::new(),
            mesh,
            connections: connections.clone(),
        }
    }

    /// Adds a role of this process.
    pub(super) fn add(&mut self, server: Server) {
        self.here.push(server);
    }

    /// The channels to other roles, for one role of this process.
    pub(super) fn of(&self, caller: Role) -> impl service::Neighbours {
        ChannelsOf {
            caller,
            channels: self,
        }
    }

    /// A connection by which a role of this process makes its own calls.
    pub(super) fn channel(&self, caller: Role, to: Role) -> Result<Channel> {
        match self.here(to) {
            Some(server) => Ok(Channel::in_process(server, caller)),
            None => Ok(self.elsewhere(caller, to)?.by(caller)),
        }
    }

    /// A connection by which the gateway passes on what its clients call.
    pub(super) fn for_clients(&self, to: Role) -> Result<Channel> {
        match self.here(to) {
            Some(server) => Ok(Channel::for_clients(server)),
            None => self.elsewhere(Role::Gateway, to),
        }
    }

    /// What lets other processes call the roles of this one.
    pub(super) fn listeners(&self, readiness: &Readiness) -> Result<Vec<(Role, Listener)>> {
        let Some(mesh) = &self.mesh else {
            return Ok(Vec::new());
        };
        let mut listeners = Vec::new();
        for server in &self.here {
            let identity = mesh.identity(server.role())?.clone();
            let (readiness, limits) = (readiness.clone(), mesh.config.limits.clone());
            let listener = Listener::new(server.clone(), identity, readiness, limits);
            listeners.push((server.role(), listener));
        }
        Ok(listeners)
    }

    fn here(&self, role: Role) -> Option<&Server> {
        self.here.iter().find(|server| server.role() == role)
    }

    fn elsewhere(&self, caller: Role, to: Role) -> Result<Channel> {
        let mesh = self.mesh.as_ref();
        mesh.ok_or_else(|| anyhow!("{caller} needs {to}, which is not in this process"))?
            .channel(caller, to, &self.connections)
    }
}

struct ChannelsOf<'c> {
    caller: Role,
    channels: &'c Channels,
}

impl service::Neighbours for ChannelsOf<'_> {
    fn channel(&self, to: Role) -> Result<Channel, BuildError> {
        let channel = self.channels.channel(self.caller, to);
        channel.map_err(BuildError::of("another role can't be called"))
    }
}
