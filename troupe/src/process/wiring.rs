//! Builds the roles of a process and connects them. The gateway and every service see one another only through channels.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use gateway::Gateway;
use mesh::server::Limits;
use mesh::{Channel, Readiness, Role, Server, Verifier, access};
use prost_reflect::DescriptorPool;
use service::Host;
use troupe_proto::policy::{self, Audience};
use wire::Listener;

use super::channels::Channels;
use crate::services::SERVICES;
use crate::settings::Settings;

/// The parts that the process goes on with.
pub(super) struct Platform {
    /// The edge, with all services behind it.
    pub(super) gateway: Option<Gateway>,
    /// The roles that other processes call.
    pub(super) listeners: Vec<(Role, Listener)>,
    /// Whether the process can do its work.
    pub(super) readiness: Readiness,
    /// The models, for the banner of a process that has every role.
    pub(super) ai: Option<Channel>,
}

/// Builds `roles`, of which there is at least one.
pub(super) async fn build(
    settings: &Settings,
    host: &Host,
    roles: &[Role],
    mut channels: Channels,
) -> Result<Platform> {
    let verifier = Verifier::new(host.clock.clone());
    let serve = |role, routes| Server::new(role, routes, verifier.clone(), Limits::default());
    let has = |role| roles.contains(&role);

    for service in SERVICES.iter().filter(|service| has(service.role)) {
        let role = service.role;
        let routes = (service.build)(settings, host, &channels.of(role)).await;
        channels.add(serve(role, routes.context(role.name())?));
    }
    if let Some(role) = roles.first() {
        let users = channels.channel(*role, Role::Users)?;
        access::follow(verifier.clone(), users, &host.tasks);
    }

    // Now that everybody who tells or wants to know has entered.
    host.start_events().await.context("events")?;

    let readiness = readiness(&verifier, host);
    let listeners = channels.listeners(&readiness)?;
    let gateway = match has(Role::Gateway) {
        true => Some(build_gateway(
            settings,
            verifier,
            host,
            readiness.clone(),
            &channels,
        )?),
        false => None,
    };
    let ai = match SERVICES.iter().all(|service| has(service.role)) {
        true => Some(channels.channel(Role::Roleplay, Role::Ai)?),
        false => None,
    };
    Ok(Platform {
        gateway,
        listeners,
        readiness,
        ai,
    })
}

/// The same for every role of the process: they share keys, servers and shutdown.
fn readiness(verifier: &Verifier, host: &Host) -> Readiness {
    let (keys, tasks) = (verifier.clone(), host.tasks.clone());
    let health = host.health.clone();
    Arc::new(move || match (tasks.is_going(), keys.is_ready()) {
        (true, _) => Err("the platform is stopping".to_owned()),
        (_, false) => Err("the keys of access tokens are not known yet".to_owned()),
        _ => health.problem().map_or(Ok(()), Err),
    })
}

fn build_gateway(
    settings: &Settings,
    verifier: Verifier,
    host: &Host,
    readiness: Readiness,
    roles: &Channels,
) -> Result<Gateway> {
    let mut pool = DescriptorPool::decode(troupe_proto::DESCRIPTOR_SET)?;
    let mut channels = HashMap::new();
    for service in SERVICES {
        let channel = roles.for_clients(service.role)?;
        for name in public_services(service.role) {
            channels.insert(name, channel.clone());
        }
    }
    gateway::mount(&settings.gateway, &mut pool, &mut channels, wire::remote)?;
    Ok(gateway::build(
        &settings.gateway,
        &pool,
        channels,
        Some(verifier),
        readiness,
        host.redis.as_ref(),
    )?)
}

/// The full names of a role's services that have methods for people: `troupe.<role>.v1.*`.
fn public_services(role: Role) -> impl Iterator<Item = String> {
    let methods = policy::METHODS.iter();
    let public =
        methods.filter(move |method| method.role == role && method.audience != Audience::Service);
    public.filter_map(|method| {
        let service = method.path.strip_prefix('/')?.split('/').next()?;
        Some(service.to_owned())
    })
}
