//! Requests and their answers as they are seen from outside: a span and a duration of each.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

use http::{Method, StatusCode};
use mesh::calls::code_name;
use opentelemetry::metrics::{BoundHistogram, Histogram};
use opentelemetry::{KeyValue, global};
use platform::telemetry::{SCOPE, is_measuring};
use platform::trace::Span;
use tonic::Code;

/// Seconds, from what a call in the process takes to what a reply does.
const BOUNDARIES: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 20.0, 60.0,
];
/// The route of requests that have none: paths are anybody's, and there must not be more names than routes.
const NO_ROUTE: &str = "none";

/// What is told of a request. Requests that are alike are measured together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Exchange {
    pub(crate) protocol: &'static str,
    pub(crate) method: &'static str,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) status: StatusCode,
    pub(crate) code: Option<Code>,
}

static DURATIONS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let histogram = meter.f64_histogram("http.server.request.duration");
    let histogram = histogram
        .with_unit("s")
        .with_boundaries(BOUNDARIES.to_vec());
    let histogram = histogram.with_description("How long requests took");
    histogram.build()
});

impl Exchange {
    /// Tells of it.
    pub(crate) fn tell(self, span: &mut Span, took: Duration) {
        if span.is_wanted() {
            self.describe(span);
        }
        if is_measuring() {
            self.measure(took);
        }
    }

    fn describe(&self, span: &mut Span) {
        let route = self.route.as_deref();
        match (self.protocol, route) {
            ("json" | "openai", Some(route)) => span.name(format!("{} {route}", self.method)),
            (_, Some(path)) => span.name(path.trim_start_matches('/').to_owned()),
            (_, None) => span.name(self.method),
        }
        span.set("http.request.method", self.method);
        if let Some(route) = &self.route {
            span.set("http.route", Arc::clone(route));
        }
        span.set("http.response.status_code", i64::from(self.status.as_u16()));
        span.set("troupe.role", "gateway");
        span.set("troupe.protocol", self.protocol);
        if let Some(code) = self.code {
            span.set("rpc.grpc.status_code", code as i64);
        }
        match self.code {
            Some(
                code @ (Code::Unknown
                | Code::DeadlineExceeded
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss),
            ) => span.fail(code_name(code)),
            _ if self.status.is_server_error() => span.fail(self.status.as_u16().to_string()),
            _ => {}
        }
    }

    fn measure(self, took: Duration) {
        static KNOWN: LazyLock<RwLock<HashMap<Exchange, BoundHistogram<f64>>>> =
            LazyLock::new(RwLock::default);
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = known.get(&self) {
            return bound.record(took.as_secs_f64());
        }
        drop(known);
        let bound = DURATIONS.bind(&self.attributes());
        bound.record(took.as_secs_f64());
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(self, bound);
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let route = self.route.clone().unwrap_or_else(|| NO_ROUTE.into());
        let code = self
            .code
            .map_or_else(String::new, |code| (code as i32).to_string());
        vec![
            KeyValue::new("http.request.method", self.method),
            KeyValue::new("http.route", route),
            KeyValue::new("http.response.status_code", i64::from(self.status.as_u16())),
            KeyValue::new("rpc.grpc.status_code", code),
            KeyValue::new("troupe.protocol", self.protocol),
        ]
    }
}

/// Measures a request that was refused for load. Nothing else tells of it: there are too many.
pub(crate) fn refused(protocol: &'static str, method: &Method, took: Duration) {
    if !is_measuring() {
        return;
    }
    let exchange = Exchange {
        protocol,
        method: known(method),
        route: None,
        status: StatusCode::TOO_MANY_REQUESTS,
        code: Some(Code::ResourceExhausted),
    };
    exchange.measure(took);
}

/// A method of HTTP, of which clients may invent as many as they like.
pub(crate) fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_clients_invent_have_one_name() {
        assert_eq!(known(&Method::PATCH), "PATCH");
        assert_eq!(known(&Method::from_bytes(b"MINE").unwrap()), "_OTHER");
    }
}
