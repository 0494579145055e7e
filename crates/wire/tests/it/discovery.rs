//! Processes that are found by what DNS and Consul say.

use std::net::{Ipv4Addr, SocketAddr};

use platform::Tasks;
use tokio::sync::watch;
use tonic::Status;
use troupe_proto::users as pb;
use troupe_wire::discovery::Registration;
use troupe_wire::{Endpoints, Upstream};

use crate::consul::Consul;
use crate::name_server::NameServer;
use crate::process::{GET_JWKS, Process, Script, USERS, client, nobody, until, until_ready};

async fn get(upstream: &Upstream) -> Result<(), Status> {
    client(upstream)
        .get_jwks(pb::GetJwksRequest {})
        .await
        .map(drop)
}

fn upstream(endpoints: &str, tasks: &Tasks) -> Upstream {
    Upstream::to(USERS, Endpoints::parse(&[endpoints]).unwrap(), None, tasks)
}

fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, last)
}

/// Processes on one port of two hosts.
async fn two_hosts(one: &Script, two: &Script) -> (Process, Process) {
    let first = one.start_at(SocketAddr::from((host(1), 0))).await;
    let address = SocketAddr::from((host(2), first.address.port()));
    (first, two.start_at(address).await)
}

#[tokio::test]
async fn a_name_stands_for_all_its_addresses_and_is_looked_up_again_as_they_change() {
    let (one, two) = (Script::default(), Script::default());
    let (first, second) = two_hosts(&one, &two).await;
    let names = NameServer::start().await;
    names.say(&[host(1), host(2)]);
    let port = first.address.port();
    let entry = format!("dns://users.test.:{port}?server={}", names.address);
    let tasks = Tasks::new();
    let upstream = upstream(&entry, &tasks);
    until_ready(&upstream, 2).await;
    // A process moves: the connection that is lost is the reason to ask again.
    let third = SocketAddr::from((host(3), port));
    let third = two.start_at(third).await;
    names.say(&[host(1), host(3)]);
    second.kill().await;
    let third = third.address.to_string();
    until(&upstream, |peers| {
        peers.len() == 2 && peers.iter().any(|it| *it.address == *third)
    })
    .await;
    until_ready(&upstream, 2).await;
    // What can't be looked up stays as it was.
    names.say(&[]);
    first.kill().await;
    names.asked_again().await;
    names.asked_again().await;
    assert_eq!(upstream.peers().len(), 2);
    get(&upstream).await.unwrap();
}

#[tokio::test]
async fn what_consul_knows_to_be_well_is_called_and_followed_as_it_changes() {
    let consul = Consul::start().await;
    let (one, two) = (Script::default(), Script::default());
    let (first, second) = (one.start().await, two.start().await);
    let tasks = Tasks::new();
    let entry = format!("consul://{}/troupe-users?tag=blue", consul.address);
    let upstream = upstream(&entry, &tasks);

    let register = |address: SocketAddr, tag: &str| {
        let entry = format!("consul://{}/troupe-users?tag={tag}", consul.address);
        let tasks = Tasks::new();
        let (serves, is_serving) = watch::channel(true);
        Registration::parse(&entry, address)
            .unwrap()
            .keep(is_serving, &tasks);
        (serves, tasks)
    };
    let (_first_serves, first_tasks) = register(first.address, "blue");
    until_ready(&upstream, 1).await;
    get(&upstream).await.unwrap();
    assert_eq!(one.calls(GET_JWKS), 1);

    let (second_serves, second_tasks) = register(second.address, "blue");
    let (_other_serves, _other_tasks) = register(nobody().await, "green");
    until_ready(&upstream, 2).await;
    second_serves.send_replace(false);
    until(&upstream, |peers| peers.len() == 1).await;
    second_serves.send_replace(true);
    until_ready(&upstream, 2).await;

    // An agent that was started anew learns of them again.
    consul.forget();
    until(&upstream, <[_]>::is_empty).await;
    until_ready(&upstream, 2).await;

    // Whoever stops is no longer there, and says so.
    assert!(
        first_tasks
            .shut_down(std::time::Duration::from_secs(10))
            .await
    );
    until(&upstream, |peers| peers.len() == 1).await;
    get(&upstream).await.unwrap();
    assert_eq!(one.calls(GET_JWKS), 1);

    // What was known last stands while Consul is away.
    consul.refuse();
    assert!(
        second_tasks
            .shut_down(std::time::Duration::from_secs(10))
            .await
    );
    consul.refused().await;
    get(&upstream).await.unwrap();
}
