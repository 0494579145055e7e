//! What finds one request in every log: its id, and its trace as W3C Trace Context has it. Both travel with calls and with
//! events, so that the work a request caused can be followed wherever it ran.

mod span;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::id::RequestId;
use crate::telemetry::spans::Spans;

pub use span::{Kind, Span};

/// The header and the attribute of events that carry a [`TraceParent`].
pub const TRACEPARENT: &str = "traceparent";
const SAMPLED: u8 = 1;

/// Whether spans go to a collector.
pub fn is_exported() -> bool {
    Spans::get().is_some()
}

/// A place in a trace: the trace, and the span that whatever comes next belongs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceParent {
    /// The beginning of a trace of its own.
    #[expect(clippy::new_without_default, reason = "a trace is never a default")]
    pub fn new() -> Self {
        let trace_id = rand::random_range(1..=u128::MAX);
        let is_sampled = Spans::get().is_none_or(|spans| spans.samples(trace_id));
        Self {
            trace_id,
            span_id: rand::random_range(1..=u64::MAX),
            flags: if is_sampled { SAMPLED } else { 0 },
        }
    }

    /// A trace that is for logs alone: its beginning has no span.
    fn unsampled() -> Self {
        Self {
            flags: 0,
            ..Self::new()
        }
    }

    /// A span below this one, in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: rand::random_range(1..=u64::MAX),
            ..self
        }
    }

    /// Whether the spans of the trace are to be kept.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The trace, as logs show it.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The span, as logs show it.
    pub fn span_id(self) -> String {
        format!("{:016x}", self.span_id)
    }
}

/// As the header is written.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id,
            span_id,
            flags,
        } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

/// A text that is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
pub struct ParseTraceParentError;

impl FromStr for TraceParent {
    type Err = ParseTraceParentError;

    /// Reads version 00, and what later versions have in common with it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let version = hex(parts.next(), 2)?;
        let trace_id = hex(parts.next(), 32)?;
        let span_id = hex(parts.next(), 16)?;
        let flags = hex(parts.next(), 2)?;
        let has_more = parts.next().is_some();
        if trace_id == 0 || span_id == 0 || version == 0xff || (version == 0 && has_more) {
            return Err(ParseTraceParentError);
        }
        let span_id = u64::try_from(span_id).map_err(|_| ParseTraceParentError)?;
        let flags = u8::try_from(flags).map_err(|_| ParseTraceParentError)?;
        Ok(Self {
            trace_id,
            span_id,
            flags,
        })
    }
}

/// Lower-case digits, exactly so many.
fn hex(part: Option<&str>, digits: usize) -> Result<u128, ParseTraceParentError> {
    let part = part.filter(|part| part.len() == digits);
    let part = part.ok_or(ParseTraceParentError)?;
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if !part.bytes().all(is_hex) {
        return Err(ParseTraceParentError);
    }
    u128::from_str_radix(part, 16).map_err(|_| ParseTraceParentError)
}

/// What caused some work: the request that it goes back to, and its place in the request's trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Finds the request in every log.
    pub request_id: Arc<str>,
    /// Where in the trace.
    pub trace: TraceParent,
}

impl Cause {
    /// Of work that no request caused. Its calls show in logs and in no trace.
    #[expect(clippy::new_without_default, reason = "a cause is never a default")]
    pub fn new() -> Self {
        Self {
            request_id: RequestId::new().to_string().into(),
            trace: TraceParent::unsampled(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let trace = TraceParent::new();
        assert_eq!(trace.to_string().parse(), Ok(trace));
        let child = trace.child();
        assert_eq!(child.trace_id(), trace.trace_id());
        assert_ne!(child.span_id(), trace.span_id());
    }

    #[test]
    fn spans_are_kept_where_whoever_began_the_trace_says_so() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";
        for (flags, is_sampled) in [("0", false), ("1", true), ("3", true)] {
            let trace: TraceParent = format!("{text}{flags}").parse().unwrap();
            assert_eq!(trace.child().is_sampled(), is_sampled);
        }
        assert!(!Cause::new().trace.is_sampled());
    }

    #[test]
    fn reads_the_example_of_the_standard_and_later_versions() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace: TraceParent = text.parse().unwrap();
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.to_string(), text);
        let later = text.replacen("00", "cc", 1) + "-what-the-future-will-be";
        assert_eq!(later.parse(), Ok(trace));
    }

    #[test]
    fn refuses_what_is_no_traceparent() {
        for text in [
            "",
            "00-1-2-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(text.parse::<TraceParent>().is_err(), "{text}");
        }
    }
}
