//! Processes that serve on ports, die, drain and come back, as far as their clients can tell.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh::{Channel, Role};
use platform::Tasks;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_health::pb::health_server::{Health, HealthServer};
use tower::ServiceExt;
use troupe_proto::users::auth_service_client::AuthServiceClient;
use troupe_wire::upstream::{Peer, PeerState};
use troupe_wire::{Endpoints, Identity, Upstream};

pub(crate) const USERS: Role = Role::Users;
/// Idempotent.
pub(crate) const GET_JWKS: &str = "/troupe.users.v1.AuthService/GetJwks";
/// Not idempotent.
pub(crate) const LOGIN: &str = "/troupe.users.v1.AuthService/Login";

/// A process, while it lives.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    drain: CancellationToken,
    life: JoinHandle<()>,
    tasks: Tasks,
}

/// What a process does with calls. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Script {
    shared: Arc<Shared>,
    identity: Option<Identity>,
}

#[derive(Default)]
struct Shared {
    act: Mutex<Act>,
    calls: Mutex<HashMap<String, usize>>,
    health: Mutex<Option<HealthRoute>>,
    /// A call hangs.
    hung: Notify,
    /// What hangs goes on.
    released: CancellationToken,
}

type HealthRoute = tower::util::BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// What becomes of a call.
#[derive(Debug, Clone, Default)]
pub(crate) enum Act {
    #[default]
    Answer,
    Fail(Status),
    /// The first call fails, the others are answered.
    FailOnce(Status),
    /// Nothing, until the script is released.
    Hang,
    /// A message, and then nothing.
    Begin,
}

impl Script {
    pub(crate) fn new(act: Act) -> Self {
        let script = Self::default();
        script.set(act);
        script
    }

    pub(crate) fn set(&self, act: Act) {
        *self.shared.act.lock().unwrap() = act;
    }

    /// Tells of its health by `service`.
    pub(crate) fn with_health<H: Health>(self, service: HealthServer<H>) -> Self {
        let route = tower::util::BoxCloneSyncService::new(service);
        *self.shared.health.lock().unwrap() = Some(route);
        self
    }

    /// Speaks only with roles.
    pub(crate) fn with_identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// How many calls of a method arrived.
    pub(crate) fn calls(&self, path: &str) -> usize {
        let calls = self.shared.calls.lock().unwrap();
        calls.get(path).copied().unwrap_or_default()
    }

    /// Completes when a call hangs.
    pub(crate) async fn hung(&self) {
        self.shared.hung.notified().await;
    }

    /// Lets what hangs go on.
    pub(crate) fn release(&self) {
        self.shared.released.cancel();
    }

    /// Serves on a port of its own.
    pub(crate) async fn start(&self) -> Process {
        self.start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Serves at an address.
    pub(crate) async fn start_at(&self, address: SocketAddr) -> Process {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tasks, drain) = (Tasks::new(), CancellationToken::new());
        let life = tasks.spawn(self.clone().live(listener, drain.clone()));
        Process {
            address,
            drain,
            life,
            tasks,
        }
    }

    async fn live(self, listener: TcpListener, drain: CancellationToken) {
        // Connections die with the set.
        let mut connections = JoinSet::new();
        while let Some(accepted) = drain.run_until_cancelled(listener.accept()).await {
            let (io, _) = accepted.unwrap();
            connections.spawn(self.clone().speak(io, drain.clone()));
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    async fn speak(self, io: TcpStream, drain: CancellationToken) {
        io.set_nodelay(true).unwrap();
        match self.identity.clone() {
            None => self.serve(io, drain).await,
            Some(identity) => {
                let Ok((io, role)) = identity.accept(io).await else {
                    return;
                };
                assert_eq!(role, Role::Gateway);
                self.serve(io, drain).await;
            }
        }
    }

    async fn serve<S>(self, io: S, drain: CancellationToken)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let service =
            service_fn(move |request| self.clone().handle(request).map(Ok::<_, Infallible>));
        let connection =
            http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service);
        let mut connection = std::pin::pin!(connection);
        let is_over = tokio::select! {
            _ = connection.as_mut() => true,
            () = drain.cancelled() => false,
        };
        if !is_over {
            connection.as_mut().graceful_shutdown();
            let _ended = connection.await;
        }
    }

    async fn handle(self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if path.starts_with("/grpc.health") {
            let route = self.shared.health.lock().unwrap().clone();
            return match route {
                Some(route) => route.oneshot(request.map(Body::new)).await.unwrap(),
                None => Status::unimplemented("nothing is said about health").into_http(),
            };
        }
        let nth = {
            let mut calls = self.shared.calls.lock().unwrap();
            let count = calls.entry(path).or_default();
            *count += 1;
            *count
        };
        let act = self.shared.act.lock().unwrap().clone();
        match act {
            Act::Fail(status) => return status.into_http(),
            Act::FailOnce(status) if nth == 1 => return status.into_http(),
            Act::Begin => return answer(futures::stream::pending().boxed()),
            Act::Hang => {
                self.shared.hung.notify_one();
                self.shared.released.cancelled().await;
            }
            Act::Answer | Act::FailOnce(_) => {}
        }
        answer(futures::stream::empty().boxed())
    }
}

/// An empty message, then `rest`, then success.
fn answer(rest: BoxStream<'static, Frame<Bytes>>) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let message = futures::stream::iter([Frame::data(Bytes::from_static(&[0; 5]))]);
    let end = futures::stream::iter([Frame::trailers(trailers)]);
    let frames = message.chain(rest).chain(end).map(Ok::<_, Infallible>);
    Response::builder()
        .header("content-type", "application/grpc")
        .body(Body::new(StreamBody::new(frames)))
        .unwrap()
}

impl Process {
    /// Ends at once, with all its connections.
    pub(crate) async fn kill(self) {
        self.life.abort();
        let _aborted = self.life.await;
    }

    /// Takes no more calls, and ends with those that it has.
    pub(crate) async fn drain(self) {
        self.drain.cancel();
        self.life.await.unwrap();
        assert!(self.tasks.shut_down(Duration::from_secs(30)).await);
    }

    /// Says that it takes no more calls, without waiting for those that it has.
    pub(crate) fn begin_to_drain(&self) {
        self.drain.cancel();
    }
}

/// An address where nobody is.
pub(crate) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Processes of users, as their clients have them.
pub(crate) fn upstream(addresses: &[SocketAddr]) -> Upstream {
    let endpoints = Endpoints::fixed(addresses.iter().map(ToString::to_string));
    Upstream::to(USERS, endpoints, None, &Tasks::new())
}

pub(crate) fn client(upstream: &Upstream) -> AuthServiceClient<Channel> {
    AuthServiceClient::new(upstream.channel())
}

/// Waits until the processes look as they should.
pub(crate) async fn until(upstream: &Upstream, is_so: impl Fn(&[Peer]) -> bool) {
    while !is_so(&upstream.peers()) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// How many processes are in a state.
pub(crate) fn count(peers: &[Peer], state: PeerState) -> usize {
    peers.iter().filter(|it| it.state == state).count()
}

/// Waits until `wanted` processes can be called.
pub(crate) async fn until_ready(upstream: &Upstream, wanted: usize) {
    until(upstream, |peers| count(peers, PeerState::Ready) == wanted).await;
}

pub(crate) fn failure(code: Code) -> Act {
    Act::Fail(Status::new(code, "as the test asked"))
}
