//! The services of the platform: one list, from which wiring, migrations, settings and checks follow.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use futures::future::BoxFuture;
use mesh::Role;
use service::{BuildError, Host, Neighbours, RetellError};
use storage::database::{Inspection, OpenError};
use tonic::service::Routes;

use crate::settings::Settings;

/// Hands every service to a macro: its section of the configuration, and its type. They are built in this order, so that each
/// comes after those that it calls.
macro_rules! services {
    ($each:ident) => {
        $each! {
            /// Accounts and tokens.
            users: ::users::Users,
            /// Models.
            ai: ::ai::Ai,
            /// Characters, sessions, replies.
            roleplay: ::roleplay::Roleplay,
        }
    };
}
pub(crate) use services;

/// A service, as a process treats all of them.
#[derive(Clone, Copy)]
pub(crate) struct Service {
    /// Its role, whose name its store has too.
    pub(crate) role: Role,
    /// The names of the migrations that this version knows, oldest first.
    pub(crate) migrations: fn() -> Vec<String>,
    /// Brings its tables up to date, and does nothing else.
    pub(crate) migrate: Migrate,
    /// Has it tell its history again.
    pub(crate) retell: Retell,
    pub(crate) build: Build,
}

type Migrate = for<'a> fn(&'a Host) -> BoxFuture<'a, Result<Inspection, OpenError>>;
type Retell =
    for<'a> fn(&'a Host, &'a (dyn Fn(u64, u64) + Sync)) -> BoxFuture<'a, Result<u64, RetellError>>;
type Build = for<'a> fn(
    &'a Settings,
    &'a Host,
    &'a dyn Neighbours,
) -> BoxFuture<'a, Result<Routes, BuildError>>;

macro_rules! list {
    ($($(#[$doc:meta])* $section:ident: $service:ty,)*) => {
        pub(crate) const SERVICES: &[Service] = &[$(Service {
            role: <$service as service::Service>::ROLE,
            migrations: service::migrations::<$service>,
            migrate: |host| Box::pin(service::migrate::<$service>(host)),
            retell: |host, progress| Box::pin(service::retell::<$service>(host, progress)),
            build: |settings, host, neighbours| {
                Box::pin(service::build::<$service>(&settings.$section, host, neighbours))
            },
        }),*];
    };
}
services!(list);

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

/// Reads the name of a role.
pub(crate) fn role_names() -> impl TypedValueParser<Value = Role> {
    let names = PossibleValuesParser::new(ROLES.map(|role| role.name()));
    names.try_map(|name| Role::find(&name).ok_or("there is no such role"))
}
