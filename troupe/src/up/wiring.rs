//! Builds the services and connects them. The gateway and every service see one another only through channels.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use gateway::{Gateway, Readiness};
use mesh::server::Limits;
use mesh::{Channel, Role, Server, Verifier, access};
use platform::Host;
use prost_reflect::DescriptorPool;
use troupe_proto::policy::{self, Audience};

use crate::settings::Settings;

const GATEWAY: Role = Role("gateway");
const USERS: Role = Role("users");
/// The role whose replies models write.
pub(super) const ROLEPLAY: Role = Role("roleplay");
const AI: Role = Role("ai");

/// The parts that the process goes on with.
pub(super) struct Platform {
    /// The edge, with all services behind it.
    pub(super) gateway: Gateway,
    /// The models, for the greeting.
    pub(super) ai: Channel,
    /// Whether the platform is ready.
    pub(super) readiness: Readiness,
}

/// Builds everything.
pub(super) async fn build(settings: &Settings, host: &Host) -> Result<Platform> {
    let verifier = Verifier::new(host.clock.clone());
    let serve = |role, routes| Server::new(role, routes, verifier.clone(), Limits::default());

    let users = users::build(&settings.users, host).await.context("users")?;
    let users = serve(USERS, users);
    access::follow(
        verifier.clone(),
        Channel::in_process(&users, GATEWAY),
        &host.tasks,
    );

    let ai = ai::build(&settings.ai, host).await.context("ai")?;
    let ai = serve(AI, ai);

    let channels = (
        Channel::in_process(&ai, ROLEPLAY),
        Channel::in_process(&users, ROLEPLAY),
    );
    let roleplay = roleplay::build(&settings.roleplay, host, channels.0, channels.1).await;
    let roleplay = serve(ROLEPLAY, roleplay.context("roleplay")?);

    // Now that everybody who tells or wants to know has entered.
    host.events.start(host).await.context("events")?;

    let readiness = readiness(&verifier, host);
    let servers = [&users, &roleplay, &ai];
    let gateway = build_gateway(settings, &verifier, host, &servers, readiness.clone())?;
    Ok(Platform {
        gateway,
        readiness,
        ai: Channel::in_process(&ai, ROLEPLAY),
    })
}

fn build_gateway(
    settings: &Settings,
    verifier: &Verifier,
    host: &Host,
    servers: &[&Server],
    readiness: Readiness,
) -> Result<Gateway> {
    let mut pool = DescriptorPool::decode(troupe_proto::DESCRIPTOR_SET)?;
    let mut channels = HashMap::new();
    for server in servers {
        for service in public_services(server.role()) {
            channels.insert(service, Channel::for_clients(server));
        }
    }
    gateway::mount(&settings.gateway, &mut pool, &mut channels)?;
    Ok(gateway::build(
        &settings.gateway,
        &pool,
        channels,
        Some(verifier.clone()),
        readiness,
        host.redis.as_ref(),
    )?)
}

fn readiness(verifier: &Verifier, host: &Host) -> Readiness {
    let (keys, stopping) = (verifier.clone(), host.tasks.token().clone());
    let health = host.health.clone();
    Arc::new(move || match (stopping.is_cancelled(), keys.is_ready()) {
        (true, _) => Err("the platform is stopping".to_owned()),
        (_, false) => Err("the keys of access tokens are not known yet".to_owned()),
        _ => health.problem().map_or(Ok(()), Err),
    })
}

/// The full names of a role's services that have methods for people: `troupe.<role>.v1.*`.
fn public_services(role: Role) -> impl Iterator<Item = String> {
    let package = format!("/troupe.{}.v1.", role.0);
    let methods = policy::METHODS
        .iter()
        .filter(|method| method.audience != Audience::Service);
    methods.filter_map(move |method| {
        let is_of_role = method.path.starts_with(&package);
        let service = method.path.strip_prefix('/')?.split('/').next()?;
        is_of_role.then(|| service.to_owned())
    })
}
