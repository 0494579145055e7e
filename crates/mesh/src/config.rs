//! Configuration of a process that is one of many.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::context::Role;
use crate::listener::Limits;

/// Where roles are, and how this process proves which of them it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder with `ca.pem` and, for each role of the process, `<role>.pem` and `<role>-key.pem`. Absent: `certs` in the
    /// folder of a person's settings.
    pub certificates: Option<PathBuf>,
    /// Where roles of this process listen. The gateway listens elsewhere: at its public address.
    pub listen: Listen,
    /// Where roles are that other processes have.
    pub peers: Peers,
    /// What a role takes in at most, and for how long.
    pub limits: Limits,
}

/// An address for each role that others call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Accounts and tokens.
    pub users: SocketAddr,
    /// Characters, sessions, replies.
    pub roleplay: SocketAddr,
    /// Models.
    pub ai: SocketAddr,
}

/// How to find the processes of each role that others call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Peers {
    /// Accounts and tokens.
    pub users: String,
    /// Characters, sessions, replies.
    pub roleplay: String,
    /// Models.
    pub ai: String,
}

impl Config {
    /// The folder of the certificates.
    pub fn certificates(&self) -> PathBuf {
        self.certificates.clone().unwrap_or_else(default_folder)
    }
}

/// Where certificates are unless the configuration says otherwise.
fn default_folder() -> PathBuf {
    platform::folders::settings().join("certs")
}

impl Listen {
    /// The address of a role. `None` for one that no role calls.
    pub fn of(&self, role: Role) -> Option<SocketAddr> {
        match role {
            Role::USERS => Some(self.users),
            Role::ROLEPLAY => Some(self.roleplay),
            Role::AI => Some(self.ai),
            _ => None,
        }
    }
}

impl Peers {
    /// Where the processes of a role are. `None` for one that no role calls.
    pub fn of(&self, role: Role) -> Option<&str> {
        match role {
            Role::USERS => Some(&self.users),
            Role::ROLEPLAY => Some(&self.roleplay),
            Role::AI => Some(&self.ai),
            _ => None,
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            users: local(8001),
            roleplay: local(8002),
            ai: local(8003),
        }
    }
}

impl Default for Peers {
    fn default() -> Self {
        let Listen {
            users,
            roleplay,
            ai,
        } = Listen::default();
        Self {
            users: users.to_string(),
            roleplay: roleplay.to_string(),
            ai: ai.to_string(),
        }
    }
}
