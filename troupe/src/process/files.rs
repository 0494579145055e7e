//! How many files and connections the process may have open.

use mesh::Role;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::settings::Settings;

/// What files, databases and connections to servers take beside the clients' connections.
const BESIDE_CLIENTS: u64 = 500;

/// Takes as many as the system allows, instead of the few that a service manager gives at first: a process that can open
/// nothing more can't store anything either. Warns where clients may take all of them.
pub(super) fn allow_most(settings: &Settings, roles: &[Role]) {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let allowed = match setrlimit(Resource::Nofile, most) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let connections = settings.gateway.limits.connections as u64;
    if let Some(allowed) = allowed
        && roles.contains(&Role::Gateway)
        && allowed < connections + BESIDE_CLIENTS
    {
        tracing::warn!(
            allowed,
            connections,
            "clients may take all files that this process may open, and then nothing can be stored: raise the limit \
             (ulimit -n, LimitNOFILE) or lower gateway.limits.connections"
        );
    }
}
