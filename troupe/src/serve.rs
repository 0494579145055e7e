//! Some roles in a process, or a gateway alone in front of services that aren't Troupe's.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use mesh::{Readiness, Role};
use platform::lifecycle::Signals;
use platform::{Tasks, telemetry};
use prost_reflect::DescriptorPool;
use redis::Redis;
use wire::config::Listen;

use crate::admin;
use crate::place::Place;
use crate::process::{self, tls};
use crate::services::{ROLES, role_names};
use crate::settings::Settings;

/// What the command line says.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Roles to run in this process
    #[arg(required = true, value_name = "ROLE", value_parser = role_names())]
    roles: Vec<Role>,

    /// For a gateway in front of your services: their encoded FileDescriptorSet, with imports and options
    #[arg(long, value_name = "FILE")]
    descriptor_set: Option<PathBuf>,

    /// For a gateway in front of your services: where a service is, as package.Service=http://host:port; repeat it for each
    #[arg(long = "upstream", value_name = "SERVICE=ADDRESS")]
    upstreams: Vec<String>,
}

/// Serves what the command line says until a signal.
///
/// # Errors
/// Where it contradicts itself, and where something can't be built.
pub(crate) async fn run(options: Options, place: &Place) -> Result<()> {
    let mut settings = Settings::load(place)?;
    let roles = options.distinct_roles();
    if options.descriptor_set.is_none() && options.upstreams.is_empty() {
        if let Some(address) = place.listen {
            listen_at(address, &roles, &mut settings.mesh.listen)?;
        }
        return process::serve(&settings, &roles).await;
    }
    if roles != [Role::Gateway] {
        bail!("--descriptor-set and --upstream are for `troupe serve gateway` alone");
    }
    let config = options.apply(settings.gateway.clone());
    gateway(config, &settings).await
}

impl Options {
    fn distinct_roles(&self) -> Vec<Role> {
        let all = ROLES.into_iter();
        all.filter(|role| self.roles.contains(role)).collect()
    }

    /// Adds what the command line says to the configuration.
    fn apply(self, mut config: gateway::Config) -> gateway::Config {
        config.descriptor_set = self.descriptor_set.or(config.descriptor_set);
        config.upstreams.extend(self.upstreams);
        config
    }
}

/// Takes the address of the command line for the role of the process, where it is one that other roles call. The gateway
/// has it already.
fn listen_at(address: SocketAddr, roles: &[Role], listen: &mut Listen) -> Result<()> {
    match *roles {
        _ if roles.contains(&Role::Gateway) => {}
        [role] => {
            if let Some(own) = listen.get_mut(role) {
                *own = address;
            }
        }
        _ => bail!(
            "--listen is one address, and each of the roles {} needs its own: set mesh.listen instead",
            roles
                .iter()
                .map(Role::to_string)
                .collect::<Vec<_>>()
                .join(" and ")
        ),
    }
    Ok(())
}

/// Serves a gateway before the services that the configuration names, until a signal. Gateways with the same Redis share
/// their callers' budgets.
async fn gateway(config: gateway::Config, settings: &Settings) -> Result<()> {
    telemetry::init(&settings.log)?;
    settings.shutdown.validate()?;
    let exporting = telemetry::start(&settings.telemetry, "troupe-gateway")?;
    let signals = Signals::listen()?;
    let tasks = Tasks::new();
    let mut pool = DescriptorPool::new();
    let mut channels = HashMap::new();
    gateway::mount(&config, &mut pool, &mut channels, wire::remote)?;
    if channels.is_empty() {
        bail!(
            "there is nothing to serve: name a service with --upstream package.Service=http://host:port"
        );
    }
    let services: Vec<String> = channels.keys().cloned().collect();
    let redis = Redis::open(&settings.redis, &tasks)?;
    let going = tasks.clone();
    let readiness: Readiness = Arc::new(move || match going.is_going() {
        true => Err("the gateway is stopping".to_owned()),
        false => Ok(()),
    });
    if let Some(address) = settings.telemetry.admin {
        admin::serve(address, &exporting, readiness.clone(), &tasks).await?;
    }
    let gateway = gateway::build(&config, &pool, channels, None, readiness, redis.as_ref())?;
    let gateway = match tls::open(settings, &[Role::Gateway])? {
        Some(certificate) => tls::serve(gateway, &certificate, &tasks)?,
        None => gateway,
    };
    let listener = process::listen(config.listen).await?;
    let address = listener.local_addr()?;
    tracing::info!(address = %address, services = services.join(","), "the gateway is ready");
    let gateway = gateway.leaving(tasks.leaving().clone());
    let serving = tasks.spawn(gateway.serve(listener, tasks.token().clone()));
    let asked = signals.asked().await;
    asked.leave(&tasks, settings.shutdown.notice()).await;
    if !serving.await? {
        tracing::warn!("some calls had not ended in time");
    }
    exporting.flush().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_command_line_is_that_of_the_role_where_there_is_one() {
        let address = "10.0.0.1:9001".parse().unwrap();
        let listening = |roles: &[Role]| {
            let mut listen = Listen::default();
            listen_at(address, roles, &mut listen).map(|()| listen)
        };
        assert_eq!(listening(&[Role::Users]).unwrap().users, address);
        assert_eq!(listening(&[Role::Ai]).unwrap().ai, address);
        let of_gateway = listening(&[Role::Gateway, Role::Ai]).unwrap();
        assert_eq!(of_gateway, Listen::default());
        let error = listening(&[Role::Users, Role::Ai]).unwrap_err().to_string();
        assert!(error.contains("mesh.listen"), "{error}");
    }
}
