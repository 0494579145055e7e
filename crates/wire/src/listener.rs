//! Serves a role's methods to other processes: HTTP/2 over TLS, to peers that prove to be roles, within limits of number,
//! time and age. Health is answered beside the methods, before the server stack.

mod health;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use mesh::{Readiness, Role, Server};
use platform::Tasks;
use platform::connections::accept;
use rand::RngExt;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::ServiceExt;

use self::health::Health;
use crate::discovery::Registration;
use crate::identity::Identity;

/// By how much the age differs at which connections end, so that they don't all end at the same moment.
const AGE_JITTER: f64 = 0.1;
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
const HEADER_BYTES: u32 = 32 << 10;

/// What a listener takes in at most, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
    /// Calls at a time on one connection.
    pub streams_per_connection: u32,
    /// Time for a peer to prove who it is.
    pub handshake_secs: u64,
    /// About the time after which a connection takes no new calls, so that its client connects again: to a replica that
    /// was started meanwhile, with the certificates of then. Calls that run on it go on.
    pub connection_age_secs: u64,
    /// Time between pings, and for their answers.
    pub keepalive_secs: u64,
    /// Time for running calls to end once shutdown begins.
    pub drain_secs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            streams_per_connection: 1024,
            handshake_secs: 5,
            connection_age_secs: 300,
            keepalive_secs: 20,
            drain_secs: 30,
        }
    }
}

/// A role that other processes can call.
pub struct Listener {
    server: Server,
    identity: Identity,
    readiness: Readiness,
    limits: Limits,
    registration: Option<(Registration, Tasks)>,
}

impl Listener {
    /// Offers a server's methods under the certificates of its role.
    pub fn new(server: Server, identity: Identity, readiness: Readiness, limits: Limits) -> Self {
        Self {
            server,
            identity,
            readiness,
            limits,
            registration: None,
        }
    }

    /// Registers the role for as long as it is served; it is taken out when `tasks` are asked to end.
    pub fn registered(self, registration: Registration, tasks: &Tasks) -> Self {
        Self {
            registration: Some((registration, tasks.clone())),
            ..self
        }
    }

    /// Serves connections until `shutdown` is cancelled, then lets running calls end within the drain time. Returns true
    /// where all of them did.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> bool {
        let (mut reporter, health) = health::new(self.server.role(), self.readiness);
        if let Some((registration, tasks)) = self.registration {
            registration.keep(reporter.is_serving(), &tasks);
        }
        let connections = Tasks::new();
        let drain = Duration::from_secs(self.limits.drain_secs);
        let permits = Arc::new(Semaphore::new(self.limits.connections));
        let acceptor = Arc::new(Acceptor {
            server: self.server,
            identity: self.identity,
            health,
            http: http(&self.limits),
            limits: self.limits,
            shutdown: shutdown.clone(),
            abandon: CancellationToken::new(),
        });
        let connection = |stream, _| Arc::clone(&acceptor).connection(stream);
        let failed = |error: io::Error| tracing::warn!(%error, "a connection was not accepted");
        tokio::select! {
            () = accept(&listener, &permits, &connections, failed, connection) => {}
            () = reporter.run() => {}
            () = shutdown.cancelled() => {}
        }
        // Who connects from now on is to go elsewhere.
        drop(listener);
        // Whoever watches learns it before the connection says goodbye.
        reporter.stop();
        let drained = connections.shut_down(drain).await;
        acceptor.abandon.cancel();
        drained
    }
}

/// What connections are served with.
struct Acceptor {
    server: Server,
    identity: Identity,
    health: Health,
    http: Builder<TokioExecutor>,
    limits: Limits,
    shutdown: CancellationToken,
    /// Cancelled where draining took too long.
    abandon: CancellationToken,
}

fn http(limits: &Limits) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    let keepalive = Duration::from_secs(limits.keepalive_secs);
    http.timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection)
        .max_header_list_size(HEADER_BYTES)
        .keep_alive_interval(keepalive)
        .keep_alive_timeout(keepalive)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    http
}

impl Acceptor {
    /// Serves a connection to its end.
    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let within = Duration::from_secs(self.limits.handshake_secs);
        let handshake = async {
            stream.set_nodelay(true)?;
            self.identity.accept(stream).await
        };
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(within, handshake) => shaken,
            () = self.shutdown.cancelled() => return,
        };
        match shaken {
            Ok(Ok((io, peer))) => self.serve(io, peer).await,
            Ok(Err(error)) => {
                tracing::info!(role = %self.server.role(), %error, "a peer was refused");
            }
            Err(_elapsed) => {
                tracing::info!(role = %self.server.role(), "a peer took too long to prove its role");
            }
        }
    }

    async fn serve(&self, io: TlsStream<TcpStream>, peer: Role) {
        let service = service_fn(|request: Request<Incoming>| self.answer(peer, request));
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(io), service));
        tokio::select! {
            // How a peer's connection ends is the peer's business.
            _ = connection.as_mut() => return,
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(self.age()) => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection => {}
            () = self.abandon.cancelled() => {}
        }
    }

    /// Answers a call of a peer. Who it is comes from its certificate, whatever the request says.
    fn answer(
        &self,
        peer: Role,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let (server, health) = (self.server.clone(), self.health.clone());
        async move {
            if health::is_asked(&request) {
                return health.oneshot(request).await;
            }
            server.oneshot(request).await
        }
    }

    fn age(&self) -> Duration {
        let age = Duration::from_secs(self.limits.connection_age_secs);
        age.mul_f64(rand::rng().random_range(1.0 - AGE_JITTER..=1.0 + AGE_JITTER))
    }
}
