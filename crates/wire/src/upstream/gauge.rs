//! Metrics of the endpoints of services, as seen from here: how many there are in each state.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use opentelemetry::metrics::{AsyncInstrument, ObservableGauge};
use opentelemetry::{KeyValue, global};
use platform::telemetry::{SCOPE, is_measuring};

/// Tells the states of a service's endpoints; nothing once nobody calls the service any more.
type View = Box<dyn Fn() -> Option<Vec<&'static str>> + Send + Sync>;

/// All services that are called.
static VIEWS: Mutex<Vec<(Arc<str>, View)>> = Mutex::new(Vec::new());

/// Made once, whatever comes later, and while nobody holds the list, which it reads.
static GAUGE: LazyLock<ObservableGauge<u64>> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let gauge = meter
        .u64_observable_gauge("troupe.mesh.endpoints")
        .with_unit("{endpoint}")
        .with_description("Endpoints of a service, by their state as seen from here");
    gauge.with_callback(observe_all).build()
});

fn observe_all(observer: &dyn AsyncInstrument<u64>) {
    let mut views = VIEWS.lock().unwrap_or_else(PoisonError::into_inner);
    views.retain(|(server, view)| {
        let Some(states) = view() else { return false };
        for (state, count) in counts(states) {
            let attributes = [
                KeyValue::new("troupe.peer", Arc::clone(server)),
                KeyValue::new("troupe.endpoint.state", state),
            ];
            observer.observe(count, &attributes);
        }
        true
    });
}

/// Measures the endpoints of a service for as long as `view` tells of them.
pub(super) fn observe_endpoints(
    server: &Arc<str>,
    view: impl Fn() -> Option<Vec<&'static str>> + Send + Sync + 'static,
) {
    if is_measuring() {
        LazyLock::force(&GAUGE);
        let mut views = VIEWS.lock().unwrap_or_else(PoisonError::into_inner);
        views.push((Arc::clone(server), Box::new(view)));
    }
}

fn counts(mut states: Vec<&'static str>) -> Vec<(&'static str, u64)> {
    states.sort_unstable();
    let alike = states.chunk_by(|one, other| one == other);
    alike.map(|of| (of[0], of.len() as u64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_counted_by_state() {
        let counts = counts(vec!["ready", "backoff", "ready"]);
        assert_eq!(counts, [("backoff", 1), ("ready", 2)]);
    }
}
