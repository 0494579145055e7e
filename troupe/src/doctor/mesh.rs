//! How the roles whose certificates are here see the others.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use futures::future::join_all;
use mesh::Role;
use platform::reach::{Unreached, connect};
use platform::{Clock, Tasks, Timestamp};
use troupe_proto::policy;
use wire::examine::{Shown, Unseen, examine as look_at};
use wire::identity::IdentityError;
use wire::{Identity, Upstream};

use super::finding::Finding;
use crate::settings::Settings;

const SUBJECT: &str = "mesh";
const CONSUL: &str = "Consul";
const DAY_SECS: u64 = 24 * 3600;
/// Certificates that are good for fewer days want to be made anew.
const FEW_DAYS: u64 = 7;
/// For names to be resolved.
const RESOLVED_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks at the certificates, and with each of them at the processes that its role calls. Nothing, where there are none and
/// the configuration names none: then everything runs in one process.
pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let folder = settings.mesh.certificates();
    if settings.mesh.certificates.is_none() && !folder.exists() {
        return Vec::new();
    }
    let tasks = Tasks::new();
    let (mut findings, mut looks) = (Vec::new(), Vec::new());
    for role in Role::ALL {
        match Identity::load(&folder, role) {
            Ok(identity) => {
                findings.push(certificate(&identity));
                for server in called_by(role) {
                    looks.push(view(settings, identity.clone(), server, &tasks));
                }
            }
            // The roles of other machines.
            Err(IdentityError::Missing { .. }) => {}
            Err(error) => findings.push(unusable(role, &error)),
        }
    }
    if findings.is_empty() {
        let text = format!("{} has no certificates", folder.display());
        findings.push(Finding::missing(SUBJECT, text).advise(
            "make some with `troupe certs dev`, or name their folder in mesh.certificates",
        ));
    }
    findings.extend(join_all(looks).await.into_iter().flatten());
    findings.extend(agents(settings).await);
    findings
}

/// Looks at the agents of Consul that are asked where others are.
async fn agents(settings: &Settings) -> Vec<Finding> {
    let peers = &settings.mesh.peers;
    let endpoints = Role::ALL
        .into_iter()
        .flat_map(|role| peers.endpoints(role).ok());
    let agents: BTreeSet<String> = endpoints
        .flat_map(|endpoints| Vec::from_iter(endpoints.agents().map(str::to_owned)))
        .collect();
    let looks =
        agents
            .into_iter()
            .map(async |agent| match connect(&agent, RESOLVED_WITHIN).await {
                Ok(_) => Finding::good(CONSUL, agent),
                Err(unreached) => {
                    Finding::broken(CONSUL, format!("{agent} can't be reached: {unreached}"))
                        .advise("start it, or correct the addresses in mesh.peers")
                }
            });
    join_all(looks).await
}

/// The roles that a role calls, by the contract; the gateway, whose clients call everything, all.
fn called_by(caller: Role) -> impl Iterator<Item = Role> {
    let is_called = move |server: &Role| {
        let mut methods = policy::METHODS.iter();
        let calls = methods.any(|method| {
            let is_open = caller == Role::Gateway || method.callers.contains(&caller);
            method.role == *server && is_open
        });
        calls && *server != caller
    };
    Role::ALL.into_iter().filter(is_called)
}

fn certificate(identity: &Identity) -> Finding {
    let (role, days) = (identity.role(), days_until(identity.valid_until()));
    let text = format!("{role} has a certificate that is valid for {days} days");
    match days {
        ..FEW_DAYS => Finding::missing(SUBJECT, text)
            .advise(format!("make a new one, such as with `troupe certs dev {role}`; processes use it without a restart")),
        _ => Finding::good(SUBJECT, text),
    }
}

fn unusable(role: Role, error: &IdentityError) -> Finding {
    Finding::broken(SUBJECT, with_causes(error))
        .advise(format!("make a new one, such as with `troupe certs dev {role}`, and make sure that ca.pem is the same everywhere"))
}

/// Looks at all processes of `server` as the role of `identity`.
async fn view(
    settings: &Settings,
    identity: Identity,
    server: Role,
    tasks: &Tasks,
) -> Vec<Finding> {
    let caller = identity.role();
    // What can't be read is a finding about the configuration already.
    let Ok(endpoints) = settings.mesh.peers.endpoints(server) else {
        return Vec::new();
    };
    let upstream = Upstream::to(server, endpoints, Some(identity.clone()), tasks);
    let addresses = addresses(&upstream).await;
    if addresses.is_empty() {
        let place = settings.mesh.peers.of(server);
        let text = format!("{caller} finds no {server} at {place}");
        return vec![Finding::missing(SUBJECT, text).advise(format!(
            "start one with `troupe serve {server}`, or correct mesh.peers.{server}"
        ))];
    }
    let looks = addresses.iter().map(async |address| {
        let seen = look_at(&identity, server, address).await;
        judge(caller, server, address, seen)
    });
    join_all(looks).await
}

/// Where processes were found.
async fn addresses(upstream: &Upstream) -> Vec<String> {
    let finding = async {
        loop {
            let peers = upstream.peers();
            if !peers.is_empty() {
                return peers.iter().map(|peer| peer.address.to_string()).collect();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(RESOLVED_WITHIN, finding)
        .await
        .unwrap_or_default()
}

fn judge(caller: Role, server: Role, address: &str, seen: Result<Shown, Unseen>) -> Finding {
    let whom = format!("{caller} -> {server} at {address}");
    match seen {
        Ok(shown) => {
            let days = shown.valid_until.map_or(0, days_until);
            let text = format!("its certificate is valid for {days} days");
            match shown.is_serving {
                true => Finding::good(SUBJECT, format!("{whom}: serves; {text}")),
                false => Finding::missing(SUBJECT, format!("{whom}: doesn't serve now; {text}"))
                    .advise("wait a moment; if this doesn't change, its log and `troupe doctor` on its machine say why"),
            }
        }
        Err(error @ Unseen::Silent(_)) => {
            Finding::missing(SUBJECT, format!("{whom}: {}", with_causes(&error))).advise(format!(
                "start it with `troupe serve {server}`, or correct mesh.peers.{server}"
            ))
        }
        Err(error @ (Unseen::Refused(_) | Unseen::Mute(_))) => {
            Finding::broken(SUBJECT, format!("{whom}: {}", with_causes(&error))).advise(
                "make sure that both have valid certificates of the same CA, and that the address belongs to that role",
            )
        }
    }
}

fn days_until(time: Timestamp) -> u64 {
    time.since(Clock::system().now()).as_secs() / DAY_SECS
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    if let Some(unreached) = Unreached::of(error) {
        return format!("{text}: {unreached}");
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::finding::State;
    use super::*;

    #[test]
    fn knows_from_the_contract_who_calls_whom() {
        let called = |caller| Vec::from_iter(called_by(caller));
        for role in [Role::Users, Role::Roleplay, Role::Ai] {
            assert!(called(Role::Gateway).contains(&role), "{role}");
        }
        assert_eq!(called(Role::Roleplay), [Role::Users, Role::Ai]);
        assert_eq!(called(Role::Ai), [Role::Users]);
        assert_eq!(called(Role::Users), []);
    }

    #[test]
    fn tells_who_is_away_from_who_is_refused() {
        let judge = |seen| judge(Role::Gateway, Role::Ai, "127.0.0.1:8003", seen).state;
        let serving = |is_serving| {
            Ok(Shown {
                valid_until: None,
                is_serving,
            })
        };
        assert_eq!(judge(serving(true)), State::Good);
        assert_eq!(judge(serving(false)), State::Missing);
        let cause = || io::ErrorKind::ConnectionRefused.into();
        assert_eq!(judge(Err(Unseen::Silent(cause()))), State::Missing);
        assert_eq!(judge(Err(Unseen::Refused(cause()))), State::Broken);
    }
}
