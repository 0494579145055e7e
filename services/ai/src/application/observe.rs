//! Work of models as it is seen from outside: a span, how long it took, how long until the first piece, how many tokens.
//! Names follow OpenTelemetry's conventions for generative AI; of prompts and replies only sizes show.

mod breakers;

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{Array, KeyValue, StringValue, Value, global};
use platform::telemetry::{SCOPE, is_measuring};
use platform::trace::{Kind, Span, TraceParent};
use sea_orm::ActiveEnum;

pub(crate) use breakers::{breaker_changed, breakers};

use crate::domain::usage::{EmbeddingRecord, UsageRecord};
use crate::domain::{
    Embedder, Event, FinishReason, Form, Model, Outcome, Provider, ProviderError, TokenUsage,
};

/// Seconds.
const DURATIONS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const TOKENS: [f64; 10] = [
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0,
];

static TOOK: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let histogram = meter.f64_histogram("gen_ai.client.operation.duration");
    let histogram = histogram.with_unit("s").with_boundaries(DURATIONS.to_vec());
    histogram.with_description("How long models worked").build()
});
static FIRST: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let histogram = meter.f64_histogram("gen_ai.server.time_to_first_token");
    let histogram = histogram.with_unit("s").with_boundaries(DURATIONS.to_vec());
    let histogram = histogram.with_description("How long the first piece of a reply took");
    histogram.build()
});
static USED: LazyLock<Histogram<u64>> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let histogram = meter.u64_histogram("gen_ai.client.token.usage");
    let histogram = histogram
        .with_unit("{token}")
        .with_boundaries(TOKENS.to_vec());
    let histogram = histogram.with_description("Tokens that were charged for");
    histogram.build()
});

static UNRECORDED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let counter = meter.u64_counter("troupe.usage.unrecorded");
    let counter = counter.with_unit("{generation}");
    let counter = counter.with_description("Generations whose usage the ledger doesn't have");
    counter.build()
});

static FALLBACKS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let counter = meter.u64_counter("troupe.route.fallbacks");
    let counter = counter.with_unit("{try}");
    let counter =
        counter.with_description("Tries that failed, after which another model was asked");
    counter.build()
});

/// Work of a model under way. Dropped before its end, it shows as cancelled.
#[derive(Debug)]
pub(crate) struct Operation {
    span: Span,
    /// What it is measured under.
    attributes: [KeyValue; 3],
    started: Instant,
    has_begun: bool,
    has_ended: bool,
}

impl Operation {
    /// Writing a reply. `trace` is the place of the call that asked for it.
    pub(crate) fn reply(provider: &dyn Provider, model: &Model, trace: TraceParent) -> Self {
        let name = match model.form {
            Form::Chat => "chat",
            Form::Text => "text_completion",
        };
        let mut operation =
            Self::begin(name, model.provider.to_string(), model.name.clone(), trace);
        operation.at(provider.host());
        operation
    }

    /// Turning texts into vectors.
    pub(crate) fn embedding(embedder: &dyn Embedder, texts: usize, trace: TraceParent) -> Self {
        let id = embedder.model_id();
        let (provider, model) = id.split_once('/').unwrap_or(("", id));
        let mut operation = Self::begin("embeddings", provider.to_owned(), model.to_owned(), trace);
        operation.at(embedder.host());
        operation.span.set("troupe.texts", texts as i64);
        operation
    }

    fn at(&mut self, host: Option<&str>) {
        if let (true, Some(host)) = (self.span.is_wanted(), host) {
            self.span.set("server.address", host.to_owned());
        }
    }

    fn begin(name: &'static str, provider: String, model: String, trace: TraceParent) -> Self {
        let mut span = Span::begin(Kind::Client, trace.child(), Some(trace));
        if span.is_wanted() {
            span.name(format!("{name} {model}"));
            span.set("gen_ai.operation.name", name);
            span.set("gen_ai.provider.name", provider.clone());
            span.set("gen_ai.request.model", model.clone());
            span.set("troupe.role", "ai");
        }
        Self {
            span,
            attributes: [
                KeyValue::new("gen_ai.operation.name", name),
                KeyValue::new("gen_ai.provider.name", provider),
                KeyValue::new("gen_ai.request.model", model),
            ],
            started: Instant::now(),
            has_begun: false,
            has_ended: false,
        }
    }

    /// Takes note of an event.
    pub(crate) fn see(&mut self, event: &Event) {
        if matches!(event, Event::Delta(_)) && !self.has_begun {
            self.has_begun = true;
            if is_measuring() {
                let took = self.started.elapsed().as_secs_f64();
                FIRST.record(took, &self.attributes);
            }
        }
    }

    /// The reply is complete.
    pub(crate) fn finished(mut self, reason: FinishReason, tokens: &TokenUsage) {
        if self.span.is_wanted() {
            let reason = StringValue::from(Outcome::from(reason).to_value());
            let reasons = Value::Array(Array::String(vec![reason]));
            self.span.set("gen_ai.response.finish_reasons", reasons);
            self.span
                .set("gen_ai.usage.input_tokens", i64::from(tokens.prompt));
            self.span
                .set("gen_ai.usage.output_tokens", i64::from(tokens.completion));
        }
        self.end(None);
    }

    /// It came to its end, whatever that is.
    pub(crate) fn ended<T>(mut self, outcome: &Result<T, ProviderError>) {
        self.end(outcome.as_ref().err().map(ProviderError::kind));
    }

    fn end(&mut self, error: Option<&'static str>) {
        self.has_ended = true;
        if let Some(error) = error {
            self.span.fail(error);
        }
        if !is_measuring() {
            return;
        }
        let took = self.started.elapsed().as_secs_f64();
        let mut attributes = self.attributes.to_vec();
        attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
        TOOK.record(took, &attributes);
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end(Some("cancelled"));
        }
    }
}

/// Counts a generation that nobody can be charged for: what it took could not be written.
pub(crate) fn unrecorded() {
    if is_measuring() {
        UNRECORDED.add(1, &[]);
    }
}

/// Counts a try that failed, after which the next model of a route is asked.
pub(crate) fn fell_back(route_id: &str, model: &Model, error: &ProviderError) {
    if is_measuring() {
        let attributes = [
            KeyValue::new("troupe.route.id", route_id.to_owned()),
            KeyValue::new("gen_ai.provider.name", Arc::clone(&model.provider)),
            KeyValue::new("gen_ai.request.model", model.name.clone()),
            KeyValue::new("error.type", error.kind()),
        ];
        FALLBACKS.add(1, &attributes);
    }
}

/// Measures the tokens that a record charges for.
pub(crate) fn charged(record: &UsageRecord, model: &Model) {
    if is_measuring() {
        let (provider, name) = (&*model.provider, &*model.name);
        used(provider, name, "input", record.tokens.prompt);
        used(provider, name, "output", record.tokens.completion);
    }
}

/// Measures the tokens of embedded texts.
pub(crate) fn embedded(record: &EmbeddingRecord) {
    let id = &*record.model_id;
    let (provider, name) = id.split_once('/').unwrap_or(("", id));
    if is_measuring() {
        used(provider, name, "input", record.tokens);
    }
}

fn used(provider: &str, model: &str, kind: &'static str, tokens: u32) {
    let attributes = [
        KeyValue::new("gen_ai.provider.name", provider.to_owned()),
        KeyValue::new("gen_ai.request.model", model.to_owned()),
        KeyValue::new("gen_ai.token.type", kind),
    ];
    USED.record(u64::from(tokens), &attributes);
}
