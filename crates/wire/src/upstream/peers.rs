//! The endpoints of a service: which there are, and what is true of all of them together.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use platform::Tasks;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::Connector;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::gauge::observe_endpoints;
use super::keep;
use super::signals::Signals;
use super::view::Peer;
use crate::discovery::{Addresses, Endpoints};

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
    signals: Arc<Signals>,
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
            signals: Arc::new(Signals::new()),
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
        self.signals.first_wanted();
        let mut addresses = source.follow(self.signals.lost(), &self.tasks, &self.stop);
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

    pub(super) fn endpoints(&self) -> Guard<Arc<Vec<Arc<Endpoint>>>> {
        self.endpoints.load()
    }

    /// Takes an endpoint out that fails call after call, unless half of them would be.
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
            "several calls to a process failed in a row; others get its calls for a while"
        );
    }

    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// A call would have any endpoint.
    pub(super) fn want_any(&self) {
        for endpoint in &**self.endpoints() {
            endpoint.wanted.notify_one();
        }
    }

    /// Why there is no endpoint.
    pub(super) fn nowhere(&self) -> Failure {
        let trouble = self.signals.last_trouble();
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
            Arc::clone(&self.signals),
            stop.clone(),
        ));
        let kept = keep::connected(Arc::clone(&endpoint), self.connector.clone());
        self.tasks.spawn(stop.run_until_cancelled_owned(kept));
        endpoint
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
