//! Load balancing: picks the endpoint of each try, of two usable ones taken at random the less busy.

use std::cmp::Ordering;
use std::sync::Arc;

use http::{Request, Response};
use tokio::time::Instant;
use tonic::body::Body;

use super::connection::Connection;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::in_flight;
use super::peers::Peers;

/// The balance over a service's endpoints.
#[derive(Debug)]
pub(super) struct Balance {
    peers: Arc<Peers>,
}

/// A try, and where it went, if it went anywhere.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) endpoint: Option<Arc<Endpoint>>,
    pub(super) outcome: Result<Response<Body>, Failure>,
}

/// An endpoint, and the connection that made it a choice.
type Picked = (Arc<Endpoint>, Arc<Connection>);

impl Balance {
    pub(super) fn new(peers: Arc<Peers>) -> Self {
        Self { peers }
    }

    pub(super) fn peers(&self) -> &Arc<Peers> {
        &self.peers
    }

    /// Makes one try. `last` is where the try before this went: another is taken if there is one.
    pub(super) async fn attempt(
        &self,
        request: Request<Body>,
        deadline: Option<Instant>,
        last: Option<&Arc<Endpoint>>,
    ) -> Tried {
        let (endpoint, connection) = match self.picked(last).await {
            Ok(picked) => picked,
            Err(nowhere) => {
                return Tried {
                    endpoint: None,
                    outcome: Err(nowhere),
                };
            }
        };
        let called = Arc::clone(&endpoint);
        let outcome = in_flight::call(&self.peers, called, connection, request, deadline).await;
        Tried {
            endpoint: Some(endpoint),
            outcome,
        }
    }

    /// Waits for an endpoint as long as there is reason to.
    async fn picked(&self, last: Option<&Arc<Endpoint>>) -> Result<Picked, Failure> {
        self.peers.start();
        if let Some(picked) = self.pick(last) {
            return Ok(picked);
        }
        let began = Instant::now();
        self.peers.want_any();
        let signals = self.peers.signals();
        loop {
            let mut found = std::pin::pin!(signals.found());
            // Before looking, so that none is missed.
            found.as_mut().enable();
            if let Some(picked) = self.pick(last) {
                return Ok(picked);
            }
            let waited = tokio::time::timeout_at(signals.patient_until(began), found).await;
            // Another may have been lost meanwhile, which is waited for in its turn.
            if waited.is_err() && signals.patient_until(began) <= Instant::now() {
                return Err(self.peers.nowhere());
            }
        }
    }

    fn pick(&self, last: Option<&Arc<Endpoint>>) -> Option<Picked> {
        let endpoints = self.peers.endpoints();
        let now = Instant::now();
        let is_last = |it: &Arc<Endpoint>| last.is_some_and(|last| Arc::ptr_eq(it, last));
        let chosen = match &endpoints[..] {
            [only] => Some(only),
            _ => two_at_random(
                endpoints
                    .iter()
                    .filter(|it| !is_last(it) && it.is_usable(now)),
            )
            .min_by(|a, b| a.load.score(now).total_cmp(&b.load.score(now))),
        };
        if let Some(chosen) = chosen
            && let Some(connection) = chosen.connection()
        {
            return Some((Arc::clone(chosen), connection));
        }
        // One that is out or says that it doesn't serve, or failed the call before, can still say why.
        let connected = endpoints.iter().filter_map(|it| {
            let rank = (!it.is_usable(now), is_last(it), it.load.score(now));
            Some((rank, it, it.connection()?))
        });
        let best = connected.min_by(|(a, ..), (b, ..)| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        best.map(|(_, endpoint, connection)| (Arc::clone(endpoint), connection))
    }
}

/// Two of the items, each as likely as the others, or all if there are fewer.
fn two_at_random<T>(items: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let mut two = [None, None];
    for (index, item) in items.enumerate() {
        let place = if index < 2 {
            index
        } else {
            rand::random_range(0..=index)
        };
        if let Some(place) = two.get_mut(place) {
            *place = Some(item);
        }
    }
    two.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_is_as_likely_as_the_others() {
        let mut times = [0; 5];
        for _ in 0..10_000 {
            let two: Vec<usize> = two_at_random(0..5).collect();
            assert_eq!(two.len(), 2);
            assert_ne!(two[0], two[1]);
            for index in two {
                times[index] += 1;
            }
        }
        // 4,000 each, with a standard deviation of 49.
        assert!(
            times.iter().all(|it| (3700..4300).contains(it)),
            "{times:?}"
        );
        assert_eq!(two_at_random(0..1).collect::<Vec<_>>(), [0]);
        assert_eq!(two_at_random(0..0).count(), 0);
    }
}
