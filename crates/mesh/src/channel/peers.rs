//! The endpoints of a service: which there are, and what is true of all of them together.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use platform::Tasks;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::Connector;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::keep;
use crate::calls::observe_endpoints;
use crate::discovery::{Addresses, Endpoints};

/// Calls wait for so long for a service that was there a moment ago.
const PATIENCE: Duration = Duration::from_millis(1500);
/// And for so long for one that is gone for longer, which is looked for at once.
const LAST_LOOK: Duration = Duration::from_millis(250);

/// How another process looks from here.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Where it is.
    pub address: Arc<str>,
    /// Whether it can be called.
    pub state: PeerState,
    /// How long a call can be expected to wait for its answer.
    pub latency: Duration,
    /// Calls whose answers haven't ended.
    pub calls_in_flight: u32,
    /// Calls that failed by its fault, one after another.
    pub failures: u32,
    /// Why the last attempt to connect failed, until one succeeds.
    pub connect_error: Option<Arc<str>>,
}

/// Whether a process can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// A connection is being made.
    Connecting,
    /// It can be called.
    Ready,
    /// It says that it doesn't serve, and is called only where no other is left.
    NotServing,
    /// It couldn't be reached, and the next attempt waits.
    Backoff,
    /// Its calls failed one after another; it is called only where no other is left.
    Ejected,
}

impl PeerState {
    /// As metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Ready => "ready",
            Self::NotServing => "not_serving",
            Self::Backoff => "backoff",
            Self::Ejected => "ejected",
        }
    }
}

/// The endpoints of a service.
pub(super) struct Peers {
    name: Arc<str>,
    connector: Connector,
    endpoints: ArcSwap<Vec<Arc<Endpoint>>>,
    tasks: Tasks,
    /// What isn't started yet.
    source: Mutex<Option<Endpoints>>,
    is_started: AtomicBool,
    /// Ended with the last holder.
    stop: CancellationToken,
    found: Notify,
    /// Told when a connection is lost: perhaps there are other addresses now.
    lost: Arc<Notify>,
    /// When a connection was lost, or the first was wanted.
    lost_at: Mutex<Instant>,
    /// What went wrong last.
    trouble: Mutex<Option<Arc<str>>>,
}

impl Peers {
    pub(super) fn new(
        name: Arc<str>,
        connector: Connector,
        source: Endpoints,
        tasks: &Tasks,
    ) -> Arc<Self> {
        let peers = Arc::new(Self {
            name,
            connector,
            endpoints: ArcSwap::default(),
            tasks: tasks.clone(),
            source: Mutex::new(Some(source)),
            is_started: AtomicBool::new(false),
            stop: tasks.token().child_token(),
            found: Notify::new(),
            lost: Arc::default(),
            lost_at: Mutex::new(Instant::now()),
            trouble: Mutex::default(),
        });
        let seen = Arc::downgrade(&peers);
        observe_endpoints(&peers.name, move || {
            let view = seen.upgrade()?.view();
            Some(view.iter().map(|peer| peer.state.as_str()).collect())
        });
        peers
    }

    /// How messages call the service.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Begins to look for endpoints and to connect, if that hasn't begun.
    pub(super) fn start(self: &Arc<Self>) {
        if self.is_started.load(Ordering::Acquire) {
            return;
        }
        let source = self
            .source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(source) = source else { return };
        *self.lost_at() = Instant::now();
        let mut addresses = source.follow(Arc::clone(&self.lost), &self.tasks, &self.stop);
        // Those that are known from the start are there for the first call.
        self.change(&addresses.now());
        self.is_started.store(true, Ordering::Release);
        let (peers, stop) = (Arc::downgrade(self), self.stop.clone());
        self.tasks.spawn(stop.run_until_cancelled_owned(async move {
            while let Some(now) = addresses.changed().await {
                let Some(peers) = peers.upgrade() else { break };
                peers.change(&now);
            }
        }));
    }

    /// The endpoints now.
    pub(super) fn endpoints(&self) -> Guard<Arc<Vec<Arc<Endpoint>>>> {
        self.endpoints.load()
    }

    /// Takes an endpoint out, unless half of them would be.
    pub(super) fn eject(&self, endpoint: &Arc<Endpoint>) {
        let endpoints = self.endpoints();
        let now = Instant::now();
        let out = endpoints.iter().filter(|it| it.is_ejected(now)).count();
        if endpoint.is_ejected(now) || (out + 1) * 2 > endpoints.len() {
            return;
        }
        let until = endpoint.breaker.trip(now);
        endpoint.load.returns(until);
        tracing::warn!(
            server = &*self.name,
            address = &*endpoint.address,
            out_secs = (until - now).as_secs(),
            "calls to a process fail one after another; others get them for a while"
        );
    }

    /// An endpoint was connected.
    pub(super) fn found_one(&self) {
        *self.trouble() = None;
        self.found.notify_waiters();
    }

    /// A connection was lost.
    pub(super) fn lost_one(&self) {
        *self.lost_at() = Instant::now();
        self.lost.notify_one();
    }

    /// An attempt to connect failed.
    pub(super) fn failed_one(&self, error: &str) {
        *self.trouble() = Some(error.into());
        self.lost.notify_one();
    }

    /// Completes when an endpoint is connected.
    pub(super) fn found(&self) -> Notified<'_> {
        self.found.notified()
    }

    /// How long a call waits for an endpoint that began to wait at `began`.
    pub(super) fn patient_until(&self, began: Instant) -> Instant {
        (*self.lost_at() + PATIENCE).max(began + LAST_LOOK)
    }

    /// A call would have any endpoint.
    pub(super) fn want_any(&self) {
        for endpoint in &**self.endpoints() {
            endpoint.wanted.notify_one();
        }
    }

    /// Why there is no endpoint.
    pub(super) fn nowhere(&self) -> Failure {
        let trouble = self.trouble().clone();
        let cause = trouble.as_deref().unwrap_or_else(|| {
            if self.endpoints().is_empty() {
                "no address is known"
            } else {
                "nothing answers"
            }
        });
        Failure::nowhere(&self.name, cause)
    }

    /// How all of them look.
    pub(super) fn view(&self) -> Vec<Peer> {
        let now = Instant::now();
        self.endpoints().iter().map(|it| it.view(now)).collect()
    }

    /// Makes the endpoints those at `addresses`. Calls to those that are gone are finished.
    fn change(self: &Arc<Self>, addresses: &Addresses) {
        let before = self.endpoints.load_full();
        let mut after: Vec<Arc<Endpoint>> = Vec::new();
        for endpoint in &*before {
            if addresses.contains(&endpoint.address) {
                after.push(Arc::clone(endpoint));
            } else {
                endpoint.stop.cancel();
            }
        }
        let known: BTreeSet<&Arc<str>> = before.iter().map(|it| &it.address).collect();
        for address in addresses.iter().filter(|it| !known.contains(it)) {
            match self.connector.base(address) {
                Ok(base) => after.push(self.begin(address, base)),
                Err(error) => {
                    tracing::error!(%error, address = &**address, "this is no address of a server");
                }
            }
        }
        tracing::debug!(
            server = &*self.name,
            count = after.len(),
            "the addresses of a service changed"
        );
        self.endpoints.store(Arc::new(after));
    }

    fn begin(self: &Arc<Self>, address: &Arc<str>, base: http::Uri) -> Arc<Endpoint> {
        let stop = self.stop.child_token();
        let endpoint = Arc::new(Endpoint::new(
            Arc::clone(address),
            base,
            Arc::clone(&self.name),
            Arc::downgrade(self),
            stop.clone(),
        ));
        let peers: Weak<Self> = Arc::downgrade(self);
        let kept = keep::connected(Arc::clone(&endpoint), self.connector.clone(), peers);
        self.tasks.spawn(stop.run_until_cancelled_owned(kept));
        endpoint
    }

    fn lost_at(&self) -> MutexGuard<'_, Instant> {
        self.lost_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Arc<str>>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers")
            .field("name", &self.name)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}
