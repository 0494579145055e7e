//! One process that can be called, at one address.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwapOption, Guard};
use http::{Request, Uri};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

use super::breaker::Breaker;
use super::connection::Connection;
use super::failure::{Failure, Reach};
use super::load::Load;
use super::signals::Signals;
use super::view::{Peer, PeerState};

/// An endpoint, and all that is known of it.
pub(super) struct Endpoint {
    pub(super) address: Arc<str>,
    pub(super) load: Load,
    pub(super) breaker: Breaker,
    /// Ended when the endpoint is no longer one.
    pub(super) stop: CancellationToken,
    /// Told when a call would have it, and it isn't connected.
    pub(super) wanted: Notify,
    base: Uri,
    /// How messages call the service.
    name: Arc<str>,
    signals: Arc<Signals>,
    connection: ArcSwapOption<Connection>,
    /// What it says of its health, if it says anything.
    is_serving: AtomicBool,
    connecting: Mutex<Connecting>,
}

/// How the last attempt to connect went.
#[derive(Debug, Default)]
struct Connecting {
    is_waiting: bool,
    error: Option<Arc<str>>,
}

impl Endpoint {
    pub(super) fn new(
        address: Arc<str>,
        base: Uri,
        name: Arc<str>,
        signals: Arc<Signals>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            address,
            load: Load::new(),
            breaker: Breaker::default(),
            stop,
            wanted: Notify::new(),
            base,
            name,
            signals,
            connection: ArcSwapOption::empty(),
            is_serving: AtomicBool::new(true),
            connecting: Mutex::default(),
        }
    }

    /// The connection, while there is one that takes calls.
    pub(super) fn connection(&self) -> Option<Arc<Connection>> {
        let current: Guard<Option<Arc<Connection>>> = self.connection.load();
        current.as_ref().filter(|it| it.is_open()).cloned()
    }

    /// Whether a call should go here rather than to an endpoint for which this is false.
    pub(super) fn is_usable(&self, now: Instant) -> bool {
        let current = self.connection.load();
        current.as_ref().is_some_and(|it| it.is_open())
            && self.is_serving.load(Relaxed)
            && !self.breaker.is_open(now)
    }

    /// Whether its calls failed one after another lately.
    pub(super) fn is_ejected(&self, now: Instant) -> bool {
        self.breaker.is_open(now)
    }

    /// A call's answer, or its absence, is this endpoint's fault. True if there were too many, and it should be taken out.
    pub(super) fn failed(&self, at: Instant) -> bool {
        self.load.returns(at);
        self.breaker.failed()
    }

    /// How messages call the service.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The base of the addresses of its requests.
    pub(super) fn base(&self) -> &Uri {
        &self.base
    }

    pub(super) fn connected(&self, connection: Arc<Connection>, is_serving: bool) {
        *self.connecting() = Connecting::default();
        self.is_serving.store(is_serving, Relaxed);
        self.breaker.reset();
        self.load.returns(Instant::now());
        self.connection.store(Some(connection));
        self.signals.found_one();
    }

    /// The connection takes no more calls. Those that are on it go on.
    pub(super) fn let_go(&self, connection: &Arc<Connection>) {
        let current = self.connection.load();
        let is_current = current
            .as_ref()
            .is_some_and(|it| Arc::ptr_eq(it, connection));
        if is_current {
            self.connection.compare_and_swap(&*current, None);
            self.signals.lost_one();
        }
    }

    /// It says whether it serves.
    pub(super) fn serves(&self, is_serving: bool) {
        let was_serving = self.is_serving.swap(is_serving, Relaxed);
        if is_serving && !was_serving {
            self.load.returns(Instant::now());
        }
    }

    /// An attempt to connect begins.
    pub(super) fn connects(&self) {
        self.connecting().is_waiting = false;
    }

    /// An attempt to connect failed, and the next waits.
    pub(super) fn not_connected(&self, error: &str) {
        *self.connecting() = Connecting {
            is_waiting: true,
            error: Some(error.into()),
        };
        self.signals.failed_one(error);
    }

    /// Why the last attempt to connect failed.
    pub(super) fn connect_error(&self) -> Option<Arc<str>> {
        self.connecting().error.clone()
    }

    /// How it looks from here.
    pub(super) fn view(&self, now: Instant) -> Peer {
        let state = if self.connection().is_some() {
            match (self.is_ejected(now), self.is_serving.load(Relaxed)) {
                (true, _) => PeerState::Ejected,
                (false, false) => PeerState::NotServing,
                (false, true) => PeerState::Ready,
            }
        } else if self.connecting().is_waiting {
            PeerState::Backoff
        } else {
            PeerState::Connecting
        };
        Peer {
            address: Arc::clone(&self.address),
            state,
            latency: self.load.latency(now),
            calls_in_flight: self.load.in_flight(),
            failures: self.breaker.failures(),
            connect_error: self.connect_error(),
        }
    }

    /// Addresses a request to the endpoint.
    pub(super) fn direct(&self, request: &mut Request<Body>) -> Result<(), Failure> {
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Failure {
            reach: Reach::Ended,
            status: Status::internal("a request can't be addressed to its server"),
        })?;
        Ok(())
    }

    fn connecting(&self) -> MutexGuard<'_, Connecting> {
        self.connecting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("address", &self.address)
            .field("connection", &self.connection)
            .field("load", &self.load)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}
