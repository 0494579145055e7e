//! The services that this executable has: the one list of them.

use futures::future::BoxFuture;
use mesh::Role;
use service::Host;
use storage::database::{Inspection, OpenError};

/// A service, and what there is to know of its store.
pub(crate) struct Service {
    pub(crate) role: Role,
    /// The names of the migrations that this version knows.
    pub(crate) migrations: fn() -> Vec<String>,
    /// Brings the tables up to date, and does nothing else.
    pub(crate) migrate: for<'a> fn(&'a Host) -> BoxFuture<'a, Result<Inspection, OpenError>>,
}

/// All of them.
pub(crate) const SERVICES: [Service; 3] = [
    Service {
        role: Role::Users,
        migrations: users::migrations,
        migrate: |host| Box::pin(users::migrate(host)),
    },
    Service {
        role: Role::Roleplay,
        migrations: roleplay::migrations,
        migrate: |host| Box::pin(roleplay::migrate(host)),
    },
    Service {
        role: Role::Ai,
        migrations: ai::migrations,
        migrate: |host| Box::pin(ai::migrate(host)),
    },
];

/// What a process can be: the edge, or one of the services.
pub(crate) const ROLES: [Role; 1 + SERVICES.len()] = {
    let mut roles = [Role::Gateway; 1 + SERVICES.len()];
    let mut index = 0;
    while index < SERVICES.len() {
        roles[1 + index] = SERVICES[index].role;
        index += 1;
    }
    roles
};

impl Service {
    /// The name of its store.
    pub(crate) fn store(&self) -> &'static str {
        self.role.name()
    }
}
