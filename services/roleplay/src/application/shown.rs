//! Spans and metrics of generations: a span of each, how many run, and how they ended.

use std::sync::LazyLock;

use opentelemetry::metrics::{Counter, UpDownCounter};
use opentelemetry::{KeyValue, global};
use platform::telemetry::SCOPE;
use platform::trace::{Kind, Span, TraceParent};
use sea_orm::ActiveEnum;

use crate::domain::generation::State;

static RUNNING: LazyLock<UpDownCounter<i64>> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let running = meter.i64_up_down_counter("troupe.generations.running");
    let running = running.with_unit("{generation}");
    running.with_description("Generations that run").build()
});
static ENDED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let ended = meter.u64_counter("troupe.generations");
    let ended = ended.with_unit("{generation}");
    ended
        .with_description("Generations that ended, by their state")
        .build()
});

/// A generation that runs.
pub(super) struct Shown(Span);

impl Shown {
    /// Begins to show one. `trace` is the place of what asked for it, and becomes the place of the generation, under which it
    /// works.
    pub(super) fn begin(trace: &mut TraceParent) -> Self {
        let under = std::mem::replace(trace, trace.child());
        let mut span = Span::begin(Kind::Internal, *trace, Some(under));
        span.name("generation");
        span.set("troupe.role", "roleplay");
        RUNNING.add(1, &[]);
        Self(span)
    }

    /// It ended.
    pub(super) fn end(mut self, state: State) {
        let state_name = state.to_value();
        self.0.set("troupe.generation.state", state_name.clone());
        if state == State::Failed {
            self.0.fail(state_name.clone());
        }
        ENDED.add(1, &[KeyValue::new("troupe.generation.state", state_name)]);
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        RUNNING.add(-1, &[]);
    }
}
