//! Measures what goes over the bus, by the kind of topic: ids are anybody's.

use std::sync::LazyLock;

use opentelemetry::metrics::{Counter, Meter, UpDownCounter};
use opentelemetry::{KeyValue, global};
use platform::telemetry::{SCOPE, is_measuring};

const KIND: &str = "troupe.bus.kind";
/// The kind of messages of which only the number is known.
const UNKNOWN: &str = "unknown";

/// Made when it is needed first, after telemetry was started.
static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(Instruments::new);

struct Instruments {
    published: Counter<u64>,
    dropped: Counter<u64>,
    lost: Counter<u64>,
    subscriptions: UpDownCounter<i64>,
}

impl Instruments {
    fn new() -> Self {
        let meter = global::meter(SCOPE);
        Self {
            published: messages(
                &meter,
                "troupe.bus.published",
                "Messages that were published on the bus",
            ),
            dropped: messages(
                &meter,
                "troupe.bus.dropped",
                "Messages that were published and not sent",
            ),
            lost: messages(
                &meter,
                "troupe.bus.lost",
                "Messages that came and were not taken in time",
            ),
            subscriptions: meter
                .i64_up_down_counter("troupe.bus.subscriptions")
                .with_unit("{subscription}")
                .with_description("Subscriptions of topics of the bus")
                .build(),
        }
    }
}

fn messages(meter: &Meter, name: &'static str, description: &'static str) -> Counter<u64> {
    let counter = meter.u64_counter(name).with_unit("{message}");
    counter.with_description(description).build()
}

/// A message was published.
pub(super) fn published(kind: &'static str) {
    if is_measuring() {
        INSTRUMENTS.published.add(1, &[KeyValue::new(KIND, kind)]);
    }
}

/// One was dropped.
pub(super) fn dropped(kind: &'static str, reason: &'static str) {
    if is_measuring() {
        let attributes = [
            KeyValue::new(KIND, kind),
            KeyValue::new("error.type", reason),
        ];
        INSTRUMENTS.dropped.add(1, &attributes);
    }
}

/// A slow subscriber lost some.
pub(super) fn slow(kind: &'static str, messages: u64) {
    if is_measuring() {
        INSTRUMENTS.lost.add(messages, &[KeyValue::new(KIND, kind)]);
    }
}

/// The process itself was too slow for one.
pub(super) fn overflowed() {
    slow(UNKNOWN, 1);
}

/// Somebody subscribed.
pub(super) fn joined(kind: &'static str) {
    count(kind, 1);
}

/// A subscription ended.
pub(super) fn left(kind: &'static str) {
    count(kind, -1);
}

fn count(kind: &'static str, change: i64) {
    if is_measuring() {
        let subscriptions = &INSTRUMENTS.subscriptions;
        subscriptions.add(change, &[KeyValue::new(KIND, kind)]);
    }
}
