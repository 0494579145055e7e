//! A role on a port: who may call what through it, its health, its limits, and its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::HeaderName;
use mesh::Role;
use platform::Tasks;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users as pb;
use troupe_proto::users::auth_service_client::AuthServiceClient;
use troupe_wire::discovery::Registration;
use troupe_wire::listener::Limits;
use troupe_wire::{Identity, Listener};

use crate::peers::{Certificates, Wire, connect_as_nobody, origin, socket};
use crate::users::{Users, login};

/// A users service that listens.
struct Served {
    users: Users,
    certificates: Certificates,
    address: SocketAddr,
    is_ready: Arc<AtomicBool>,
    tasks: Tasks,
    serving: JoinHandle<bool>,
}

impl Served {
    async fn new() -> Self {
        Self::within(Limits::default()).await
    }

    async fn within(limits: Limits) -> Self {
        Self::prepared(limits, |listener, _, _| listener).await
    }

    /// Does something to the listener, which will be at an address, before it serves.
    async fn prepared(
        limits: Limits,
        prepare: impl FnOnce(Listener, SocketAddr, &Tasks) -> Listener,
    ) -> Self {
        let (users, certificates, tasks) = (Users::default(), Certificates::new(), Tasks::new());
        let is_ready = Arc::new(AtomicBool::new(true));
        let asked = is_ready.clone();
        let readiness = Arc::new(move || match asked.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err("as the test asked".to_owned()),
        });
        let identity = certificates.of(Role::Users);
        let listener = Listener::new(users.server(), identity, readiness, limits);
        let (socket, address) = socket().await;
        let listener = prepare(listener, address, &tasks);
        let serving = tasks.spawn(listener.serve(socket, tasks.token().clone()));
        Self {
            users,
            certificates,
            address,
            is_ready,
            tasks,
            serving,
        }
    }

    fn identity(&self, role: Role) -> Identity {
        self.certificates.of(role)
    }

    async fn wire(&self, role: Role) -> Wire {
        Wire::connect(&self.identity(role), Role::Users, self.address)
            .await
            .unwrap()
    }

    async fn auth(&self, role: Role) -> AuthServiceClient<Wire> {
        AuthServiceClient::with_origin(self.wire(role).await, origin())
    }

    async fn health(&self) -> HealthClient<Wire> {
        HealthClient::with_origin(self.wire(Role::Gateway).await, origin())
    }
}

fn watch_access(headers: &[(&'static str, &str)]) -> Request<pb::WatchAccessRequest> {
    let mut request = Request::new(pb::WatchAccessRequest {});
    for (name, value) in headers {
        let mut written = http::HeaderMap::new();
        written.insert(HeaderName::from_static(name), value.parse().unwrap());
        let written = tonic::metadata::MetadataMap::from_headers(written);
        for entry in written.iter() {
            if let tonic::metadata::KeyAndValueRef::Ascii(name, value) = entry {
                request.metadata_mut().insert(name, value.clone());
            }
        }
    }
    request
}

#[tokio::test]
async fn a_role_calls_what_the_contract_has_for_it() {
    let served = Served::new().await;
    for role in [Role::Roleplay, Role::Ai] {
        let mut auth = served.auth(role).await;
        let mut changes = auth
            .watch_access(watch_access(&[]))
            .await
            .unwrap()
            .into_inner();
        assert!(changes.message().await.unwrap().is_some());
    }
}

#[tokio::test]
async fn what_the_gateway_passes_on_for_a_client_has_none_of_its_rights() {
    let served = Served::new().await;
    let mut gateway = served.auth(Role::Gateway).await;
    gateway.watch_access(watch_access(&[])).await.unwrap();
    for headers in [
        &[("x-troupe-for-client", "1")][..],
        &[("x-troupe-for-client", "0"), ("x-troupe-role", "gateway")],
        &[("x-troupe-for-client", ""), ("x-role", "users")],
    ] {
        let refused = gateway.watch_access(watch_access(headers)).await;
        let refused = refused.err().unwrap();
        assert_eq!(refused.code(), Code::Unimplemented, "{headers:?}");
        assert_eq!(reason_of(&refused), Some(Reason::UnknownMethod));
    }
    // What anybody may call, clients may.
    let mut request = Request::new(login("alice@"));
    request
        .metadata_mut()
        .insert("x-troupe-for-client", "1".parse().unwrap());
    gateway.login(request).await.unwrap();
}

#[tokio::test]
async fn nobody_without_a_certificate_reaches_methods_or_health() {
    let served = Served::new().await;
    let stranger = Certificates::new().of(Role::Gateway);
    assert!(
        Wire::connect(&stranger, Role::Users, served.address)
            .await
            .is_err()
    );
    let mut nobody = connect_as_nobody(served.address).await.unwrap();
    assert!(nobody.read_u8().await.is_err());
    let mut plain = TcpStream::connect(served.address).await.unwrap();
    plain
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // An alert of TLS at most.
    let _reset_or_end = plain.read_to_end(&mut answer).await;
    assert!(answer.len() < 16, "{answer:?}");
}

#[tokio::test]
async fn health_is_what_readiness_says_and_not_serving_from_the_end_on() {
    let served = Served::new().await;
    let mut health = served.health().await;
    let whole = || HealthCheckRequest::default();
    let status = health.check(whole()).await.unwrap().into_inner().status();
    assert_eq!(status, ServingStatus::Serving);
    let mut changes = health.watch(whole()).await.unwrap().into_inner();
    let mut seen = async || Some(changes.message().await.unwrap()?.status());
    assert_eq!(seen().await, Some(ServingStatus::Serving));
    for (is_ready, expected) in [
        (false, ServingStatus::NotServing),
        (true, ServingStatus::Serving),
    ] {
        served.is_ready.store(is_ready, Ordering::SeqCst);
        assert_eq!(seen().await, Some(expected));
    }
    served.tasks.token().cancel();
    assert_eq!(seen().await, Some(ServingStatus::NotServing));
    assert_eq!(seen().await, None);
    assert!(served.serving.await.unwrap());
}

#[tokio::test]
async fn health_knows_the_services_of_the_role() {
    let served = Served::new().await;
    let mut health = served.health().await;
    let of = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    let known = health.check(of("troupe.users.v1.AuthService")).await;
    assert_eq!(known.unwrap().into_inner().status(), ServingStatus::Serving);
    for other in ["troupe.users.v1", "troupe.ai.v1.ModelService", "users"] {
        let refused = health.check(of(other)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{other}");
        let mut changes = health.watch(of(other)).await.unwrap().into_inner();
        let first = changes.message().await.unwrap().unwrap().status();
        assert_eq!(first, ServingStatus::ServiceUnknown);
    }
}

#[tokio::test]
async fn a_role_is_registered_with_its_health_and_taken_out_at_its_end() {
    let (mut asked, agent) = consul().await;
    let served = Served::prepared(Limits::default(), |listener, address, tasks| {
        let entry = format!("consul://{agent}/users");
        listener.registered(Registration::parse(&entry, address).unwrap(), tasks)
    })
    .await;
    let mut until = async |what: &str| {
        while !asked.recv().await.unwrap().starts_with(what) {}
    };
    until("PUT /v1/agent/service/register").await;
    until("PUT /v1/agent/check/pass/").await;
    served.is_ready.store(false, Ordering::SeqCst);
    until("PUT /v1/agent/check/fail/").await;
    served.tasks.token().cancel();
    until("PUT /v1/agent/service/deregister/").await;
}

/// An agent that says yes to everything. What it is asked comes out as the first line of each request.
async fn consul() -> (mpsc::UnboundedReceiver<String>, SocketAddr) {
    let (agent, address) = socket().await;
    let (tell, asked) = mpsc::unbounded_channel();
    Tasks::new().spawn(async move {
        while let Ok((io, _)) = agent.accept().await {
            let _gone = say_yes(io, &tell).await;
        }
    });
    (asked, address)
}

async fn say_yes(io: TcpStream, tell: &mpsc::UnboundedSender<String>) -> io::Result<()> {
    let mut io = BufReader::new(io);
    let (mut line, mut body_bytes) = (String::new(), 0);
    io.read_line(&mut line).await?;
    let _nobody_listens = tell.send(line.clone());
    while !line.trim().is_empty() {
        line.clear();
        io.read_line(&mut line).await?;
        let header = line.to_ascii_lowercase();
        if let Some(size) = header.strip_prefix("content-length:") {
            body_bytes = size.trim().parse().unwrap();
        }
    }
    io.read_exact(&mut vec![0; body_bytes]).await?;
    io.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        .await
}

#[tokio::test]
async fn calls_that_run_may_end_when_the_role_stops_and_new_ones_find_nobody() {
    let served = Served::new().await;
    let mut auth = served.auth(Role::Roleplay).await;
    let users = &served.users;
    let stopping = async {
        users.began.notified().await;
        served.tasks.token().cancel();
        // The socket closes with the listener.
        while Wire::connect(&served.identity(Role::Ai), Role::Users, served.address)
            .await
            .is_ok()
        {}
        users.gate.notify_one();
    };
    let (answer, ()) = tokio::join!(auth.login(login("wait@")), stopping);
    answer.unwrap();
    assert!(served.serving.await.unwrap());
}

#[tokio::test]
async fn a_call_that_does_not_end_is_given_up_at_last() {
    let served = Served::within(Limits {
        drain_secs: 0,
        ..Limits::default()
    })
    .await;
    let mut auth = served.auth(Role::Ai).await;
    let mut changes = auth
        .watch_access(watch_access(&[]))
        .await
        .unwrap()
        .into_inner();
    assert!(changes.message().await.unwrap().is_some());
    served.tasks.token().cancel();
    assert!(!served.serving.await.unwrap());
    assert!(changes.message().await.is_err());
}

#[tokio::test]
async fn an_old_connection_takes_no_new_calls_and_keeps_those_that_run() {
    let served = Served::within(Limits {
        connection_age_secs: 1,
        ..Limits::default()
    })
    .await;
    let auth = served.auth(Role::Roleplay).await;
    let (mut running, mut further) = (auth.clone(), auth);
    let users = &served.users;
    let ageing = async {
        users.began.notified().await;
        while further.login(login("alice@")).await.is_ok() {}
        users.gate.notify_one();
    };
    let (answer, ()) = tokio::join!(running.login(login("wait@")), ageing);
    answer.unwrap();
    served
        .auth(Role::Roleplay)
        .await
        .login(login("alice@"))
        .await
        .unwrap();
}

#[tokio::test]
async fn who_does_not_say_who_it_is_is_dropped() {
    let served = Served::within(Limits {
        handshake_secs: 0,
        ..Limits::default()
    })
    .await;
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_one_that_ends() {
    let served = Served::within(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let mut first = served.auth(Role::Ai).await;
    first.login(login("alice@")).await.unwrap();
    let identity = served.identity(Role::Ai);
    let mut waiting = Box::pin(Wire::connect(&identity, Role::Users, served.address));
    assert!(futures::poll!(&mut waiting).is_pending());
    first.login(login("alice@")).await.unwrap();
    assert!(futures::poll!(&mut waiting).is_pending());
    drop(first);
    waiting.await.unwrap();
}
