//! Events in a trace: a span for each sending and for each handling, one under the other.

use platform::trace::{Kind, Span};

use super::Envelope;

/// Begins the span of sending an event, from which whoever handles it takes the trace up.
pub(super) fn sending(system: &'static str, envelope: &mut Envelope) -> Span {
    let at = envelope.cause.trace.child();
    let mut span = Span::begin(Kind::Producer, at, Some(envelope.cause.trace));
    if span.is_wanted() {
        envelope.cause.trace = at;
        describe(&mut span, "send", system, envelope);
    }
    span
}

/// Begins the span of handling an event, under which the handler works.
pub(super) fn handling(
    system: &'static str,
    consumer: &'static str,
    envelope: &mut Envelope,
) -> Span {
    let under = envelope.cause.trace;
    let at = under.child();
    envelope.cause.trace = at;
    let mut span = Span::begin(Kind::Consumer, at, Some(under));
    if span.is_wanted() {
        describe(&mut span, "process", system, envelope);
        span.set("messaging.consumer.group.name", consumer);
    }
    span
}

fn describe(span: &mut Span, operation: &'static str, system: &'static str, envelope: &Envelope) {
    span.name(format!("{operation} {}", envelope.subject));
    span.set("messaging.system", system);
    span.set("messaging.operation.name", operation);
    span.set("messaging.operation.type", operation);
    span.set("messaging.destination.name", envelope.subject.clone());
    span.set("messaging.message.id", envelope.id.to_string());
    span.set("request.id", envelope.cause.request_id.to_string());
}
