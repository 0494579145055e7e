//! Metrics of circuit breakers: how many models there are in each state, and how often that changed.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use opentelemetry::metrics::{AsyncInstrument, Counter, ObservableGauge};
use opentelemetry::{KeyValue, global};
use platform::telemetry::{SCOPE, is_measuring};

use crate::domain::breaker::Condition;

/// Tells the provider and the condition of each model; nothing once the service is gone.
type View = Box<dyn Fn() -> Option<Vec<(Arc<str>, Condition)>> + Send + Sync>;

static VIEWS: Mutex<Vec<View>> = Mutex::new(Vec::new());

/// Made while nobody holds the list, which it reads.
static GAUGE: LazyLock<ObservableGauge<u64>> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let gauge = meter
        .u64_observable_gauge("troupe.breakers")
        .with_unit("{model}")
        .with_description("Models that were asked, by the state of their circuit breakers");
    gauge.with_callback(observe_all).build()
});

static CHANGES: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let counter = meter.u64_counter("troupe.breaker.changes");
    let counter = counter.with_unit("{change}");
    counter
        .with_description("How often circuit breakers of models came into a state")
        .build()
});

fn observe_all(observer: &dyn AsyncInstrument<u64>) {
    let mut views = VIEWS.lock().unwrap_or_else(PoisonError::into_inner);
    views.retain(|view| {
        let Some(conditions) = view() else {
            return false;
        };
        let mut counts: BTreeMap<_, u64> = BTreeMap::new();
        for one in conditions {
            *counts.entry(one).or_default() += 1;
        }
        for ((provider, condition), count) in counts {
            observer.observe(count, &attributes(provider, condition));
        }
        true
    });
}

/// Measures the breakers for as long as `view` tells of them.
pub(crate) fn breakers(
    view: impl Fn() -> Option<Vec<(Arc<str>, Condition)>> + Send + Sync + 'static,
) {
    if is_measuring() {
        LazyLock::force(&GAUGE);
        let mut views = VIEWS.lock().unwrap_or_else(PoisonError::into_inner);
        views.push(Box::new(view));
    }
}

/// Counts a change of a breaker.
pub(crate) fn breaker_changed(provider: &Arc<str>, condition: Condition) {
    if is_measuring() {
        CHANGES.add(1, &attributes(Arc::clone(provider), condition));
    }
}

fn attributes(provider: Arc<str>, condition: Condition) -> [KeyValue; 2] {
    let state = match condition {
        Condition::Up => "closed",
        Condition::Tried => "half_open",
        Condition::Down => "open",
    };
    [
        KeyValue::new("gen_ai.provider.name", provider),
        KeyValue::new("troupe.breaker.state", state),
    ]
}
