//! Configuration of a process that is one of many.

mod by_role;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use platform::config::trimmed;
use serde::Deserialize;
use troupe_proto::Role;

use crate::discovery::{Endpoints, EndpointsError, Registration};
use crate::listener::Limits;

pub use by_role::{ByRole, OfRole};

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
    /// Where Consul learns of roles of this process.
    pub register: Register,
    /// What a role takes in at most, and for how long.
    pub limits: Limits,
}

/// Where each role listens that others call.
pub type Listen = ByRole<SocketAddr>;

/// How to find the processes of each role that others call.
pub type Peers = ByRole<Places>;

/// Addresses, names and services, with commas between them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Places(pub String);

/// A value of the configuration that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{key} {problem}")]
pub struct ConfigError {
    key: String,
    problem: String,
}

/// An agent of Consul for each role that others call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Register {
    /// The address by which others reach this process. Absent: the one at which it listens.
    pub address: Option<IpAddr>,
    /// Accounts and tokens.
    pub users: String,
    /// Characters, sessions, replies.
    pub roleplay: String,
    /// Models.
    pub ai: String,
    /// Inbox, e-mail, web push, webhooks.
    pub notifications: String,
    /// Usage, rollups, exports.
    pub analytics: String,
    /// Live streams, presence, calls.
    pub realtime: String,
}

impl Config {
    /// Checks what types can't say.
    ///
    /// # Errors
    /// Names the first key whose value can't be used.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for role in Role::ALL {
            self.peers.endpoints(role)?;
            self.register
                .of(role, SocketAddr::from(([127, 0, 0, 1], 0)))?;
        }
        let limits = &self.limits;
        let positive = [
            ("connections", limits.connections as u64),
            (
                "streams_per_connection",
                u64::from(limits.streams_per_connection),
            ),
            ("handshake_secs", limits.handshake_secs),
            ("connection_age_secs", limits.connection_age_secs),
            ("keepalive_secs", limits.keepalive_secs),
        ];
        match positive.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(ConfigError {
                key: format!("mesh.limits.{name}"),
                problem: "must be above zero".to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The folder of the certificates.
    pub fn certificates(&self) -> PathBuf {
        self.certificates.clone().unwrap_or_else(default_folder)
    }
}

/// Where certificates are unless the configuration says otherwise.
fn default_folder() -> PathBuf {
    platform::folders::settings().join("certs")
}

impl Peers {
    /// How to find the processes of a role, as it is written. Empty for one that no role calls.
    pub fn of(&self, role: Role) -> &str {
        self.get(role).map_or("", |places| &places.0)
    }

    /// Where the processes of a role are.
    ///
    /// # Errors
    /// Names the key and the entry that can't be read.
    pub fn endpoints(&self, role: Role) -> Result<Endpoints, ConfigError> {
        let entries = self.of(role).split(',').map(trimmed);
        let entries: Vec<String> = entries.filter(|entry| !entry.is_empty()).collect();
        Endpoints::parse(&entries).map_err(|error| unreadable(format!("mesh.peers.{role}"), &error))
    }
}

impl Register {
    /// The registration of a role that listens at an address, if it is to be registered.
    ///
    /// # Errors
    /// Names the key whose value can't be read.
    pub fn of(
        &self,
        role: Role,
        listening: SocketAddr,
    ) -> Result<Option<Registration>, ConfigError> {
        let entry = match role {
            Role::Gateway => "",
            Role::Users => &self.users,
            Role::Roleplay => &self.roleplay,
            Role::Ai => &self.ai,
            Role::Notifications => &self.notifications,
            Role::Analytics => &self.analytics,
            Role::Realtime => &self.realtime,
        };
        let entry = trimmed(entry);
        if entry.is_empty() {
            return Ok(None);
        }
        let ip = self.address.unwrap_or(listening.ip());
        let address = SocketAddr::new(ip, listening.port());
        let registration = Registration::parse(&entry, address);
        let failed = |error| unreadable(format!("mesh.register.{role}"), &error);
        registration.map(Some).map_err(failed)
    }
}

fn unreadable(key: String, error: &EndpointsError) -> ConfigError {
    ConfigError {
        key,
        problem: format!("can't be read: {error}"),
    }
}

impl OfRole for SocketAddr {
    fn of(role: Role) -> Self {
        (Ipv4Addr::LOCALHOST, role.port()).into()
    }
}

impl OfRole for Places {
    fn of(role: Role) -> Self {
        Self(SocketAddr::of(role).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_several_entries_with_commas_between_them() {
        let mut peers = Peers {
            users: Places("10.0.0.1:8001, dns://users:8001,".to_owned()),
            ..Peers::default()
        };
        let read = peers.endpoints(Role::Users).unwrap().to_string();
        assert!(
            read.contains("10.0.0.1:8001") && read.contains("users:8001"),
            "{read}"
        );
        peers.users = Places("10.0.0.1".to_owned());
        let config = Config {
            peers,
            ..Config::default()
        };
        let error = config.validate().unwrap_err().to_string();
        assert!(
            error.contains("mesh.peers.users") && error.contains("10.0.0.1"),
            "{error}"
        );
    }

    #[test]
    fn names_the_limit_that_would_let_nobody_in() {
        let mut config = Config::default();
        config.validate().unwrap();
        config.limits.streams_per_connection = 0;
        let error = config.validate().unwrap_err().to_string();
        assert!(
            error.contains("mesh.limits.streams_per_connection"),
            "{error}"
        );
    }
}
