//! Calls to other processes, some of which aren't well.

use std::time::Duration;

use mesh::Role;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::{Code, Request, Status};
use tonic_health::ServingStatus;
use tonic_types::{ErrorDetails, StatusExt};
use troupe_proto::Reason;
use troupe_proto::error::{reason_of, retry_later};
use troupe_proto::users as pb;
use troupe_wire::upstream::PeerState;
use troupe_wire::{Endpoints, Upstream};

use crate::peers::Certificates;
use crate::process::{
    Act, GET_JWKS, LOGIN, Process, Script, USERS, client, count, failure, nobody, until,
    until_ready, upstream,
};
use crate::users::login;

const CALLERS: usize = 8;

async fn get(upstream: &Upstream) -> Result<(), Status> {
    client(upstream)
        .get_jwks(pb::GetJwksRequest {})
        .await
        .map(drop)
}

async fn log_in(upstream: &Upstream) -> Result<(), Status> {
    client(upstream).login(login("alice@")).await.map(drop)
}

/// Calls from several callers until each has made `count`, without a failure.
async fn load(upstream: &Upstream, count: usize) {
    let callers = (0..CALLERS).map(|_| async {
        for _ in 0..count {
            get(upstream).await.unwrap();
        }
    });
    futures::future::join_all(callers).await;
}

async fn three() -> (Vec<Script>, Vec<Process>, Upstream) {
    let scripts: Vec<Script> = (0..3).map(|_| Script::default()).collect();
    let processes = futures::future::join_all(scripts.iter().map(Script::start)).await;
    let addresses: Vec<_> = processes.iter().map(|it| it.address).collect();
    let upstream = upstream(&addresses);
    until_ready(&upstream, 3).await;
    (scripts, processes, upstream)
}

#[tokio::test]
async fn calls_go_to_all_processes_and_around_one_that_is_dead_from_the_start() {
    let (one, two) = (Script::default(), Script::default());
    let processes = [one.start().await, two.start().await];
    let dead = nobody().await;
    let upstream = upstream(&[dead, processes[0].address, processes[1].address]);
    // From the first call on.
    load(&upstream, 100).await;
    assert_eq!(one.calls(GET_JWKS) + two.calls(GET_JWKS), 100 * CALLERS);
    assert!(one.calls(GET_JWKS) > 100, "{}", one.calls(GET_JWKS));
    assert!(two.calls(GET_JWKS) > 100, "{}", two.calls(GET_JWKS));
    let dead = upstream
        .peers()
        .into_iter()
        .find(|it| it.address.ends_with(&dead.to_string()));
    assert!(dead.unwrap().connect_error.unwrap().contains("refused"));
}

#[tokio::test]
async fn no_idempotent_call_fails_when_a_process_is_killed_and_it_is_used_again_when_it_is_back() {
    let (scripts, mut processes, upstream) = three().await;
    for _ in 0..5 {
        let before: usize = scripts.iter().map(|it| it.calls(GET_JWKS)).sum();
        let killing = async {
            while scripts.iter().map(|it| it.calls(GET_JWKS)).sum::<usize>() < before + 100 {
                tokio::task::yield_now().await;
            }
            let process = processes.remove(0);
            let address = process.address;
            process.kill().await;
            address
        };
        let (address, ()) = tokio::join!(killing, load(&upstream, 100));
        processes.insert(0, scripts[0].start_at(address).await);
        until_ready(&upstream, 3).await;
        let before = scripts[0].calls(GET_JWKS);
        while scripts[0].calls(GET_JWKS) == before {
            load(&upstream, 10).await;
        }
    }
}

#[tokio::test]
async fn a_call_that_may_have_been_handled_is_made_again_only_if_that_does_no_harm() {
    let (hanging, well) = (Script::new(Act::Hang), Script::default());
    let (process, other) = (hanging.start().await, nobody().await);
    let upstream = upstream(&[process.address, other]);
    until_ready(&upstream, 1).await;
    let (harmful, harmless) = (log_in(&upstream), get(&upstream));
    let killing = async {
        while hanging.calls(LOGIN) + hanging.calls(GET_JWKS) < 2 {
            hanging.hung().await;
        }
        process.kill().await;
        well.start_at(other).await
    };
    let (harmful, harmless, _well) = tokio::join!(harmful, harmless, killing);
    let broken = harmful.unwrap_err();
    assert_eq!(broken.code(), Code::Unavailable);
    assert_eq!(reason_of(&broken), Some(Reason::Unavailable));
    harmless.unwrap();
    assert_eq!((hanging.calls(LOGIN), well.calls(LOGIN)), (1, 0));
    assert_eq!((hanging.calls(GET_JWKS), well.calls(GET_JWKS)), (1, 1));
}

#[tokio::test]
async fn a_process_that_drains_fails_no_call_of_any_kind() {
    let (scripts, mut processes, upstream) = three().await;
    for _ in 0..5 {
        let callers = (0..CALLERS).map(|_| async {
            for _ in 0..50 {
                log_in(&upstream).await.unwrap();
            }
        });
        let draining = async {
            scripts[0].set(Act::Hang);
            scripts[0].hung().await;
            let process = processes.remove(0);
            let address = process.address;
            process.begin_to_drain();
            // Calls that it has are finished, while new ones go elsewhere.
            until_ready(&upstream, 2).await;
            scripts[0].release();
            process.drain().await;
            address
        };
        let (address, _) = tokio::join!(draining, futures::future::join_all(callers));
        scripts[0].set(Act::Answer);
        processes.insert(0, scripts[0].start_at(address).await);
        until_ready(&upstream, 3).await;
    }
}

#[tokio::test]
async fn what_accepts_and_never_answers_gets_no_call() {
    let hole = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let well = Script::default();
    let process = well.start().await;
    let upstream = upstream(&[hole.local_addr().unwrap(), process.address]);
    let (_silent, _) = tokio::join!(hole.accept(), load(&upstream, 50));
    assert_eq!(well.calls(GET_JWKS), 50 * CALLERS);
}

#[tokio::test]
async fn a_call_that_is_not_answered_ends_at_its_deadline() {
    let script = Script::new(Act::Hang);
    let process = script.start().await;
    let upstream = upstream(&[process.address]);
    let mut request = Request::new(pb::GetJwksRequest {});
    request.set_timeout(Duration::from_millis(50));
    let late = client(&upstream).get_jwks(request).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    assert_eq!(reason_of(&late), Some(Reason::DeadlineExceeded));
    // All tries together have that time, so that there was no second.
    assert_eq!(script.calls(GET_JWKS), 1);
}

#[tokio::test]
async fn a_stream_that_falls_silent_ends_at_its_deadline() {
    let script = Script::new(Act::Begin);
    let process = script.start().await;
    let upstream = upstream(&[process.address]);
    let mut request = Request::new(pb::WatchAccessRequest {});
    request.set_timeout(Duration::from_millis(50));
    let mut stream = client(&upstream)
        .watch_access(request)
        .await
        .unwrap()
        .into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let late = stream.message().await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_stream_that_began_is_not_begun_again() {
    let script = Script::new(Act::Begin);
    let process = script.start().await;
    let upstream = upstream(&[process.address]);
    let mut stream = client(&upstream)
        .watch_access(pb::WatchAccessRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(stream.message().await.unwrap().is_some());
    process.kill().await;
    let broken = stream.message().await.unwrap_err();
    assert_eq!(broken.code(), Code::Unavailable);
    assert_eq!(script.calls("/troupe.users.v1.AuthService/WatchAccess"), 1);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_calls_fail_soon_and_say_who_is_missing() {
    let upstream = upstream(&[nobody().await, nobody().await]);
    let started = tokio::time::Instant::now();
    let missing = get(&upstream).await.unwrap_err();
    assert_eq!(missing.code(), Code::Unavailable);
    assert_eq!(reason_of(&missing), Some(Reason::Unavailable));
    let message = "users can't be reached right now: try again in a second";
    assert_eq!(missing.message(), message);
    assert!(started.elapsed() <= Duration::from_secs(2));
    // Whoever calls later waits for no more than a last look.
    let started = tokio::time::Instant::now();
    get(&upstream).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_millis(300));
    let nothing = Upstream::to(
        USERS,
        Endpoints::fixed(Vec::<String>::new()),
        None,
        &platform::Tasks::new(),
    );
    let missing = get(&nothing).await.unwrap_err();
    assert_eq!(missing.message(), message);
    let cause = std::error::Error::source(&missing).map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some("no address is known"));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_fails_call_after_call_is_left_out_and_never_more_than_half_of_them() {
    let (failing, well) = (Script::new(failure(Code::Internal)), Script::default());
    let (process, other) = (failing.start().await, nobody().await);
    let upstream = upstream(&[process.address, other]);
    for _ in 0..5 {
        assert_eq!(count(&upstream.peers(), PeerState::Ejected), 0);
        get(&upstream).await.unwrap_err();
    }
    assert_eq!(count(&upstream.peers(), PeerState::Ejected), 1);
    // It is better than none.
    get(&upstream).await.unwrap_err();
    let _well = well.start_at(other).await;
    until_ready(&upstream, 1).await;
    let before = failing.calls(GET_JWKS);
    load(&upstream, 20).await;
    assert_eq!(failing.calls(GET_JWKS), before);
    well.set(failure(Code::Internal));
    for _ in 0..20 {
        get(&upstream).await.unwrap_err();
    }
    assert_eq!(count(&upstream.peers(), PeerState::Ejected), 1);
    assert_eq!(failing.calls(GET_JWKS), before);
    // In time it gets another chance.
    failing.set(Act::Answer);
    until_ready(&upstream, 2).await;
    while failing.calls(GET_JWKS) == before {
        let _either = get(&upstream).await;
    }
}

#[tokio::test]
async fn what_callers_do_wrong_is_held_against_nobody() {
    let (scripts, _processes, upstream) = three().await;
    for code in [
        Code::InvalidArgument,
        Code::NotFound,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::Cancelled,
    ] {
        for script in &scripts {
            script.set(failure(code));
        }
        for _ in 0..50 {
            assert_eq!(get(&upstream).await.unwrap_err().code(), code);
        }
        until_ready(&upstream, 3).await;
        assert!(upstream.peers().iter().all(|it| it.failures == 0));
    }
}

#[tokio::test]
async fn a_call_that_one_process_can_t_serve_is_served_by_another() {
    let (scripts, _processes, upstream) = three().await;
    scripts[0].set(failure(Code::Unavailable));
    load(&upstream, 50).await;
    // A method that isn't idempotent isn't tried again.
    for script in &scripts {
        script.set(failure(Code::Unavailable));
    }
    let calls = || scripts.iter().map(|it| it.calls(LOGIN)).sum::<usize>();
    assert_eq!(
        log_in(&upstream).await.unwrap_err().code(),
        Code::Unavailable
    );
    assert_eq!(calls(), 1);
    let calls = || scripts.iter().map(|it| it.calls(GET_JWKS)).sum::<usize>();
    let before = calls();
    get(&upstream).await.unwrap_err();
    assert_eq!(calls(), before + 3);
}

#[tokio::test(start_paused = true)]
async fn retries_have_a_budget() {
    let (scripts, _processes, upstream) = three().await;
    for script in &scripts {
        script.set(failure(Code::Unavailable));
    }
    let started = tokio::time::Instant::now();
    for _ in 0..1000 {
        get(&upstream).await.unwrap_err();
    }
    let tries: usize = scripts.iter().map(|it| it.calls(GET_JWKS)).sum();
    let retries = (tries - 1000) as f64;
    // Ten seconds' worth of the floor, a fifth of the calls, and the floor of the time that the pauses took.
    let budget = 100.0 + 200.0 + 10.0 * started.elapsed().as_secs_f64();
    assert!(
        retries <= budget && retries > 200.0,
        "{retries} of {budget}"
    );
}

#[tokio::test]
async fn a_server_says_when_to_try_again() {
    let later = |delay| {
        let message = "as the test asked";
        retry_later(Reason::Unavailable, message, delay)
    };
    let script = Script::new(Act::FailOnce(later(Duration::from_millis(1))));
    let process = script.start().await;
    let upstream = upstream(&[process.address]);
    get(&upstream).await.unwrap();
    assert_eq!(script.calls(GET_JWKS), 2);
    script.set(Act::Fail(later(Duration::from_secs(60))));
    let refused = get(&upstream).await.unwrap_err();
    let details: ErrorDetails = refused.get_error_details();
    let delay = details.retry_info().and_then(|it| it.retry_delay);
    assert_eq!(delay, Some(Duration::from_secs(60)));
    assert_eq!(script.calls(GET_JWKS), 3);
}

#[tokio::test]
async fn a_process_that_says_it_does_not_serve_gets_calls_only_where_there_is_no_other() {
    let (ill_says, ill_health) = tonic_health::server::health_reporter();
    ill_says
        .set_service_status("", ServingStatus::NotServing)
        .await;
    let (_well_says, well_health) = tonic_health::server::health_reporter();
    let ill = Script::default().with_health(ill_health);
    let well = Script::default().with_health(well_health);
    let (ill_process, well_process) = (ill.start().await, well.start().await);
    let upstream = upstream(&[ill_process.address, well_process.address]);
    until(&upstream, |peers| count(peers, PeerState::NotServing) == 1).await;
    until_ready(&upstream, 1).await;
    load(&upstream, 10).await;
    assert_eq!(ill.calls(GET_JWKS), 0);
    well_process.kill().await;
    get(&upstream).await.unwrap();
    assert_eq!(ill.calls(GET_JWKS), 1);
    ill_says
        .set_service_status("", ServingStatus::Serving)
        .await;
    until_ready(&upstream, 1).await;
}

#[tokio::test]
async fn where_no_process_serves_all_of_them_are_asked() {
    let mut scripts = Vec::new();
    let mut processes = Vec::new();
    for _ in 0..2 {
        let (says, health) = tonic_health::server::health_reporter();
        says.set_service_status("", ServingStatus::NotServing).await;
        scripts.push(Script::default().with_health(health));
        processes.push(scripts[scripts.len() - 1].start().await);
    }
    let upstream = upstream(&[processes[0].address, processes[1].address]);
    until(&upstream, |peers| count(peers, PeerState::NotServing) == 2).await;
    load(&upstream, 50).await;
    assert!(scripts.iter().all(|it| it.calls(GET_JWKS) > 20));
}

#[tokio::test]
async fn processes_come_and_go() {
    let (first, second) = (Script::default(), Script::default());
    let (one, two) = (first.start().await, second.start().await);
    let (found, addresses) = watch::channel(vec![one.address.to_string()]);
    let upstream = Upstream::to(
        USERS,
        Endpoints::watched(addresses),
        None,
        &platform::Tasks::new(),
    );
    get(&upstream).await.unwrap();
    assert_eq!(first.calls(GET_JWKS), 1);
    found
        .send(vec![one.address.to_string(), two.address.to_string()])
        .unwrap();
    until_ready(&upstream, 2).await;
    found.send(vec![two.address.to_string()]).unwrap();
    until(&upstream, |peers| peers.len() == 1).await;
    load(&upstream, 10).await;
    assert_eq!(first.calls(GET_JWKS), 1);
    assert_eq!(second.calls(GET_JWKS), 10 * CALLERS);
    // Nothing holds the connections of the one that is no longer there.
    one.drain().await;
}

#[tokio::test]
async fn a_stream_that_the_server_refuses_is_opened_again_whatever_the_method() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = upstream(&[listener.local_addr().unwrap()]);
    let (answered, refused) = tokio::join!(log_in(&upstream), refuse_twice(listener));
    answered.unwrap();
    assert_eq!(refused, 2);
}

/// Serves one call, after it has refused two.
async fn refuse_twice(listener: TcpListener) -> usize {
    let (io, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::handshake(io).await.unwrap();
    let mut refused = 0;
    while let Some(call) = connection.accept().await {
        let (request, mut answer) = call.unwrap();
        let mut head = http::Response::new(());
        let headers = head.headers_mut();
        headers.insert("content-type", "application/grpc".parse().unwrap());
        if request.uri().path() != LOGIN {
            headers.insert("grpc-status", "12".parse().unwrap());
            answer.send_response(head, true).unwrap();
        } else if refused < 2 {
            refused += 1;
            answer.send_reset(h2::Reason::REFUSED_STREAM);
        } else {
            let mut body = answer.send_response(head, false).unwrap();
            body.send_data(vec![0; 5].into(), false).unwrap();
            let mut trailers = http::HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            body.send_trailers(trailers).unwrap();
            connection.graceful_shutdown();
        }
    }
    refused
}

#[tokio::test(start_paused = true)]
async fn a_process_that_falls_silent_is_given_up_before_the_call_is() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (well, other) = (Script::default(), nobody().await);
    let upstream = upstream(&[silent.local_addr().unwrap(), other]);
    // It speaks HTTP/2 once, and then stands still.
    let (mut io, _) = silent.accept().await.unwrap();
    io.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    until_ready(&upstream, 1).await;
    let moved = async {
        until(&upstream, |peers| {
            peers.iter().any(|it| it.calls_in_flight == 1)
        })
        .await;
        well.start_at(other).await
    };
    let (answered, _well) = tokio::join!(get(&upstream), moved);
    answered.unwrap();
    assert_eq!(well.calls(GET_JWKS), 1);
}

#[tokio::test]
async fn roles_prove_who_they_are() {
    let certificates = Certificates::new();
    let script = Script::default().with_identity(certificates.of(USERS));
    let process = script.start().await;
    let to = |server| {
        let endpoints = Endpoints::fixed([process.address.to_string()]);
        let identity = Some(certificates.of(Role::Gateway));
        Upstream::to(server, endpoints, identity, &platform::Tasks::new())
    };
    get(&to(USERS)).await.unwrap();
    let refused = get(&to(Role::Ai)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        refused.message().starts_with("ai can't be reached"),
        "{refused}"
    );
    assert_eq!(script.calls(GET_JWKS), 1);
}

#[tokio::test]
async fn a_server_of_another_maker_is_connected_to_at_the_first_call() {
    let script = Script::default();
    let address = nobody().await;
    let upstream = Upstream::foreign("other", format!("http://{address}").parse().unwrap());
    assert!(upstream.peers().is_empty());
    let process = script.start_at(address).await;
    log_in(&upstream).await.unwrap();
    assert_eq!(upstream.peers().len(), 1);
    process.kill().await;
    let restarted = script.start_at(address).await;
    log_in(&upstream).await.unwrap();
    restarted.drain().await;
}
