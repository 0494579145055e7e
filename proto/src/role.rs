//! The roles of Troupe.

use std::fmt;

/// What a process of Troupe can be: the edge, or a service. A contract's package names its role: `troupe.users.v1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The edge.
    Gateway,
    /// Accounts and tokens.
    Users,
    /// Characters, sessions, replies.
    Roleplay,
    /// Models.
    Ai,
    /// Inbox, e-mail, web push, webhooks.
    Notifications,
    /// Usage, rollups, exports.
    Analytics,
    /// Live streams, presence, calls.
    Realtime,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Gateway,
        Self::Users,
        Self::Roleplay,
        Self::Ai,
        Self::Notifications,
        Self::Analytics,
        Self::Realtime,
    ];

    /// Its name in packages, certificates, commands and the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Users => "users",
            Self::Roleplay => "roleplay",
            Self::Ai => "ai",
            Self::Notifications => "notifications",
            Self::Analytics => "analytics",
            Self::Realtime => "realtime",
        }
    }

    /// The port at which it listens unless the configuration says otherwise.
    pub const fn port(self) -> u16 {
        8000 + self as u16
    }

    /// The role of that name, if there is one.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_found_by_its_name_and_has_its_port() {
        for (index, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(Role::find(role.name()), Some(role));
            assert_eq!(usize::from(role.port()), 8000 + index);
        }
        assert_eq!(Role::find("nobody"), None);
    }
}
