//! A setting for each role that other roles call.

use serde::Deserialize;
use troupe_proto::Role;

/// A value for each role that others call. Nobody calls the gateway but clients, at an address of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, bound = "T: OfRole + Deserialize<'de>")]
pub struct ByRole<T> {
    /// Accounts and tokens.
    pub users: T,
    /// Characters, sessions, replies.
    pub roleplay: T,
    /// Models.
    pub ai: T,
    /// Inbox, e-mail, web push, webhooks.
    pub notifications: T,
    /// Usage, rollups, exports.
    pub analytics: T,
    /// Live streams, presence, calls.
    pub realtime: T,
}

/// What a role has unless the configuration says otherwise.
pub trait OfRole {
    /// The default of a role.
    fn of(role: Role) -> Self;
}

impl<T> ByRole<T> {
    /// That of a role; `None` for the gateway.
    pub fn get(&self, role: Role) -> Option<&T> {
        match role {
            Role::Gateway => None,
            Role::Users => Some(&self.users),
            Role::Roleplay => Some(&self.roleplay),
            Role::Ai => Some(&self.ai),
            Role::Notifications => Some(&self.notifications),
            Role::Analytics => Some(&self.analytics),
            Role::Realtime => Some(&self.realtime),
        }
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, role: Role) -> Option<&mut T> {
        match role {
            Role::Gateway => None,
            Role::Users => Some(&mut self.users),
            Role::Roleplay => Some(&mut self.roleplay),
            Role::Ai => Some(&mut self.ai),
            Role::Notifications => Some(&mut self.notifications),
            Role::Analytics => Some(&mut self.analytics),
            Role::Realtime => Some(&mut self.realtime),
        }
    }
}

impl<T: OfRole> Default for ByRole<T> {
    fn default() -> Self {
        Self {
            users: T::of(Role::Users),
            roleplay: T::of(Role::Roleplay),
            ai: T::of(Role::Ai),
            notifications: T::of(Role::Notifications),
            analytics: T::of(Role::Analytics),
            realtime: T::of(Role::Realtime),
        }
    }
}
