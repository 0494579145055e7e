//! What is known of a request besides itself, and the line that the log gets about it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tonic::Code;
use tracing::Span;

/// A request's circumstances.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// Finds the request in every log.
    pub(crate) request_id: HeaderValue,
    /// Whose budget it draws on, and what services are told.
    pub(crate) client: IpAddr,
}

/// The request id that a client sent, if a log can take it as it is, or else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sent = headers
        .get(mesh::context::REQUEST_ID)
        .filter(|value| value.to_str().is_ok_and(mesh::context::is_sane_request_id));
    if let Some(value) = sent {
        return value.clone();
    }
    let mut buffer = uuid::Uuid::encode_buffer();
    // Random throughout, from this thread's generator: an id that sorts by time would take a system call.
    let id = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
    let text = id.hyphenated().encode_lower(&mut buffer);
    let mut value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"));
    // Not a secret, but seen once: HTTP/2 shall not keep it in the table of headers that come again.
    value.set_sensitive(true);
    value
}

/// Writes one line when the request is over, however it ends. It names the route and never the path, whose parts
/// belong to people.
#[derive(Debug)]
pub(crate) struct AccessLog {
    span: Span,
    protocol: &'static str,
    method: Method,
    route: Option<Arc<str>>,
    status: StatusCode,
    code: Option<Code>,
    started: Instant,
}

impl AccessLog {
    /// Starts the clock.
    pub(crate) fn start(protocol: &'static str, method: Method) -> Self {
        Self {
            span: Span::current(),
            protocol,
            method,
            route: None,
            // What the line says where the client goes away before there is an answer.
            status: StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            code: None,
            started: Instant::now(),
        }
    }

    /// Names the route.
    pub(crate) fn route(&mut self, route: &Arc<str>) {
        self.route = Some(route.clone());
    }

    /// Notes the HTTP status.
    pub(crate) fn status(&mut self, status: StatusCode) {
        self.status = status;
    }

    /// Notes the gRPC status.
    pub(crate) fn code(&mut self, code: Code) {
        self.code = Some(code);
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        tracing::info!(
            parent: &self.span,
            protocol = self.protocol,
            http.method = self.method.as_str(),
            http.route = self.route.as_deref().unwrap_or("none"),
            http.status = self.status.as_u16(),
            grpc.code = self.code.map(|code| code as i32),
            duration_us = self.started.elapsed().as_micros() as u64,
            "request answered"
        );
    }
}
