//! How long calls take, by role, method and code. What a measurement is filed under is made once for each of them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use opentelemetry::metrics::{BoundHistogram, Histogram};
use opentelemetry::{KeyValue, global};
use platform::telemetry::{SCOPE, is_measuring};
use tonic::Code;
use troupe_proto::policy;

use super::names;
use crate::Role;

/// Seconds, from what a call in the process takes to what a reply does.
const BOUNDARIES: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0, 60.0,
];
/// Codes of gRPC are 0 to 16.
const CODES: usize = 17;

/// The side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Where the durations of a method go.
#[derive(Debug, Clone)]
pub(super) struct Durations {
    side: Side,
    role: Role,
    method: Arc<Method>,
}

#[derive(Debug)]
struct Method {
    service: &'static str,
    name: &'static str,
    by_code: [OnceLock<BoundHistogram<f64>>; CODES],
}

/// Methods by side, role and path; those that no contract knows are together under "".
type Methods = HashMap<(Side, Role, &'static str), Arc<Method>>;

static SERVED: LazyLock<Histogram<f64>> =
    LazyLock::new(|| histogram("rpc.server.duration", "How long calls took to serve"));
static MADE: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    histogram(
        "rpc.client.duration",
        "How long calls took, as the caller saw them",
    )
});

fn histogram(name: &'static str, description: &'static str) -> Histogram<f64> {
    let meter = global::meter(SCOPE);
    let histogram = meter.f64_histogram(name).with_unit("s");
    let histogram = histogram.with_boundaries(BOUNDARIES.to_vec());
    histogram.with_description(description).build()
}

impl Method {
    fn of(path: &str) -> Self {
        let (service, name) = names(path);
        Self {
            service,
            name,
            by_code: [const { OnceLock::new() }; CODES],
        }
    }
}

impl Durations {
    /// Where to measure a call; none where nobody wants it measured.
    pub(super) fn find(side: Side, role: Role, path: &str) -> Option<Self> {
        static METHODS: LazyLock<RwLock<Methods>> = LazyLock::new(RwLock::default);
        if !is_measuring() {
            return None;
        }
        let path = policy::find(path).map_or("", |policy| policy.path);
        let key = (side, role, path);
        let methods = METHODS.read().unwrap_or_else(PoisonError::into_inner);
        let known = methods.get(&key).cloned();
        drop(methods);
        let method = known.unwrap_or_else(|| {
            let mut methods = METHODS.write().unwrap_or_else(PoisonError::into_inner);
            let method = methods
                .entry(key)
                .or_insert_with(|| Arc::new(Method::of(path)));
            Arc::clone(method)
        });
        Some(Self { side, role, method })
    }

    pub(super) fn record(&self, code: Code, took: Duration) {
        let Some(bound) = self.method.by_code.get(code as usize) else {
            return;
        };
        let bound = bound.get_or_init(|| self.bind(code));
        bound.record(took.as_secs_f64());
    }

    fn bind(&self, code: Code) -> BoundHistogram<f64> {
        let histogram = match self.side {
            Side::Client => &MADE,
            Side::Server => &SERVED,
        };
        histogram.bind(&[
            KeyValue::new("rpc.system", "grpc"),
            KeyValue::new("rpc.service", self.method.service),
            KeyValue::new("rpc.method", self.method.name),
            KeyValue::new("rpc.grpc.status_code", code as i64),
            KeyValue::new("troupe.role", self.role.name()),
        ])
    }
}
