//! Which model wrote last in a session, so that a route goes on with it while it has the prompt in its cache. Each process knows its
//! own: what it doesn't know costs a cache, and nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;

/// Sessions that are remembered.
const MOST_SESSIONS: u64 = 50_000;
/// No route goes on with a model for longer.
const LONGEST: Duration = Duration::from_hours(1);

/// A session in a route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) route_id: Arc<str>,
    pub(crate) session_id: String,
}

/// What is remembered. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Warmth(Cache<Place, (Arc<str>, Instant)>);

impl Warmth {
    pub(crate) fn new() -> Self {
        let cache = Cache::builder().max_capacity(MOST_SESSIONS);
        Self(cache.time_to_live(LONGEST).build())
    }

    /// A model wrote.
    pub(crate) fn wrote(&self, place: Place, model_id: &str) {
        self.0.insert(place, (model_id.into(), Instant::now()));
    }

    /// The model that wrote last, not longer ago than this.
    pub(crate) fn of(&self, place: &Place, within: Duration) -> Option<Arc<str>> {
        let (model_id, at) = self.0.get(place)?;
        (at.elapsed() < within).then_some(model_id)
    }
}
