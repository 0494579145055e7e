//! Takes spans that ended to the collector, in batches, from a thread of its own. Nobody waits for it: what it can't take is
//! lost, and counted by `otel.sdk.processor.span.processed` with the error `queue_full`.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanProcessor};

use super::delivery::Told;

/// The way out of spans.
#[derive(Debug)]
pub(crate) struct Spans {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    /// Traces whose id has less than this in its last 63 bits are sent.
    limit: u64,
}

/// As with logs there is one in the process, so that whatever has something to tell can.
static SPANS: OnceLock<Spans> = OnceLock::new();

impl Spans {
    /// Opens it, for this share of the traces that begin here. The first one stays.
    pub(super) fn start(exporter: SpanExporter, resource: &Resource, sample_ratio: f64) {
        let mut processor = BatchSpanProcessor::builder(Told::new(exporter)).build();
        processor.set_resource(resource);
        let scope = InstrumentationScope::builder("troupe")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let _first = SPANS.set(Self {
            processor,
            scope,
            limit: limit(sample_ratio),
        });
    }

    /// The way out, if there is one.
    pub(crate) fn get() -> Option<&'static Self> {
        SPANS.get()
    }

    /// Sends what is left, and takes nothing more.
    pub(super) fn flush(patience: Duration) -> OTelSdkResult {
        let spans = SPANS.get();
        spans.map_or(Ok(()), |spans| {
            spans.processor.shutdown_with_timeout(patience)
        })
    }

    /// Whether a trace that begins here is to be sent. Every process that decides alike decides so for the whole trace.
    pub(crate) fn samples(&self, trace_id: u128) -> bool {
        is_below(trace_id, self.limit)
    }

    /// What tells of it.
    pub(crate) fn scope(&self) -> InstrumentationScope {
        self.scope.clone()
    }

    /// Takes a span that ended.
    pub(crate) fn take(&self, span: SpanData) {
        self.processor.on_end(span);
    }
}

fn limit(ratio: f64) -> u64 {
    (ratio * (1u64 << 63) as f64) as u64
}

fn is_below(trace_id: u128, limit: u64) -> bool {
    (trace_id as u64) >> 1 < limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_traces_is_sent_by_their_ids() {
        let (low, high) = (1 << 127, u128::from(u64::MAX));
        for (ratio, sent) in [(0.0, [false; 2]), (0.5, [true, false]), (1.0, [true; 2])] {
            let limit = limit(ratio);
            assert_eq!([low, high].map(|id| is_below(id, limit)), sent, "{ratio}");
        }
    }
}
