//! What happened at a place in a trace, told to the collector once it is over. The place is named first, by a
//! [`TraceParent`], so that it can go along with calls and events before anything is known of it.

use std::borrow::Cow;
use std::fmt;
use std::time::{Instant, SystemTime};

use opentelemetry::trace::{SpanContext, Status, TraceFlags, TraceState};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::TraceParent;
use crate::clock::wall_time;
use crate::telemetry::spans::Spans;

pub use opentelemetry::trace::SpanKind as Kind;

/// A span under way; dropping it ends it. Where nobody wants it, because there is no collector or the trace isn't sampled, it
/// is nothing and costs nothing.
#[derive(Default)]
pub struct Span(Option<Box<Open>>);

struct Open {
    spans: &'static Spans,
    at: TraceParent,
    under: Option<TraceParent>,
    kind: Kind,
    name: Cow<'static, str>,
    attributes: Vec<KeyValue>,
    status: Status,
    start_time: SystemTime,
    started: Instant,
}

impl Span {
    /// Begins the span of a place under another, or at the beginning of a trace.
    pub fn begin(kind: Kind, at: TraceParent, under: Option<TraceParent>) -> Self {
        let Some(spans) = Spans::get().filter(|_| at.is_sampled()) else {
            return Self(None);
        };
        Self(Some(Box::new(Open {
            spans,
            at,
            under,
            kind,
            name: Cow::Borrowed(""),
            attributes: Vec::with_capacity(8),
            status: Status::Unset,
            start_time: wall_time(),
            started: Instant::now(),
        })))
    }

    /// Whether anybody wants it. What costs something to tell asks first.
    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Names it: what was done, from a set that is small.
    pub fn name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.0 {
            open.name = name.into();
        }
    }

    /// Tells more, under a name of OpenTelemetry's conventions where there is one. Ids, names and numbers: nothing that
    /// people wrote.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(open) = &mut self.0 {
            open.attributes.push(KeyValue::new(key, value));
        }
    }

    /// Says that it failed, and with what kind of error.
    pub fn fail(&mut self, kind: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.0 {
            let kind: Cow<'static, str> = kind.into();
            open.attributes.push(KeyValue::new("error.type", kind));
            open.status = Status::error("");
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            let spans = open.spans;
            spans.take(open.end());
        }
    }
}

impl Open {
    fn end(self) -> SpanData {
        // Served for somebody, or caused by somebody, who may be elsewhere.
        let is_remote = matches!(self.kind, Kind::Server | Kind::Consumer);
        let flags = TraceFlags::new(self.at.flags);
        let (trace_id, span_id) = (self.at.trace_id.into(), self.at.span_id.into());
        SpanData {
            span_context: SpanContext::new(trace_id, span_id, flags, false, TraceState::NONE),
            parent_span_id: self.under.map_or(0, |under| under.span_id).into(),
            parent_span_is_remote: is_remote && self.under.is_some(),
            span_kind: self.kind,
            name: self.name,
            start_time: self.start_time,
            end_time: self.start_time + self.started.elapsed(),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: self.status,
            instrumentation_scope: self.spans.scope(),
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(open) => write!(f, "Span({} at {})", open.name, open.at),
            None => f.write_str("Span(unwanted)"),
        }
    }
}
