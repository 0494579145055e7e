//! Names each call: takes or makes its request id and its place in a trace, opens its span, logs its end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response};
use tokio::time::Instant;
use tonic::body::Body;
use tower::Service;
use tracing::Instrument;

use platform::id::RequestId;
use platform::trace::{TRACEPARENT, TraceParent};

use crate::context::{REQUEST_ID, Role, is_sane_request_id};

/// The outermost layer of the server stack.
#[derive(Debug, Clone)]
pub(super) struct Trace<S> {
    inner: S,
    role: Role,
}

impl<S> Trace<S> {
    pub(super) fn new(inner: S, role: Role) -> Self {
        Self { inner, role }
    }
}

impl<S> Service<Request<Body>> for Trace<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let id = request_id(&request);
        let trace = trace(&request);
        request.headers_mut().insert(REQUEST_ID, id.clone());
        request.extensions_mut().insert(trace);
        let span = tracing::info_span!(
            "call",
            role = self.role.0,
            rpc.method = request.uri().path(),
            request.id = id.to_str().unwrap_or_default(),
            trace.id = trace.trace_id(),
        );
        let started = Instant::now();
        let answer = span.in_scope(|| self.inner.call(request));
        Box::pin(
            async move {
                let mut response = answer.await?;
                let status = tonic::Status::from_header_map(response.headers());
                let code = status.map_or(tonic::Code::Ok, |s| s.code());
                tracing::debug!(rpc.code = ?code, elapsed_us = started.elapsed().as_micros() as u64, "call answered");
                response.headers_mut().insert(REQUEST_ID, id);
                Ok(response)
            }
            .instrument(span),
        )
    }
}

/// A span of this call in the trace of whoever calls, else in a new one.
fn trace(request: &Request<Body>) -> TraceParent {
    let sent = request.headers().get(TRACEPARENT);
    let sent = sent.and_then(|value| value.to_str().ok()?.parse::<TraceParent>().ok());
    sent.map_or_else(TraceParent::new, TraceParent::child)
}

fn request_id(request: &Request<Body>) -> HeaderValue {
    let sent = request.headers().get(REQUEST_ID);
    let sane = sent.filter(|v| v.to_str().is_ok_and(is_sane_request_id));
    sane.cloned().unwrap_or_else(|| {
        HeaderValue::try_from(RequestId::new().to_string())
            .unwrap_or(HeaderValue::from_static("unknown"))
    })
}
