//! Names each call: takes or makes its request id and its place in a trace, opens its span, logs its end, and has it
//! measured.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::Instant;
use tonic::body::Body;
use tracing::Instrument;

use platform::id::RequestId;
use platform::trace::{TRACEPARENT, TraceParent};

use super::Serves;
use crate::Role;
use crate::calls::Watch;
use crate::context::{REQUEST_ID, is_sane_request_id};

/// The outermost layer of the server stack.
#[derive(Debug)]
pub(super) struct Trace<S> {
    inner: S,
    role: Role,
}

impl<S> Trace<S> {
    pub(super) fn new(inner: S, role: Role) -> Self {
        Self { inner, role }
    }
}

impl<S: Serves> Trace<S> {
    async fn watched(&self, request: Request<Body>, watch: Option<Watch>) -> Response<Body> {
        let started = Instant::now();
        let answer = self.inner.serve(request).await;
        let status = tonic::Status::from_header_map(answer.headers());
        let code = status.map_or(tonic::Code::Ok, |s| s.code());
        tracing::debug!(rpc.code = ?code, elapsed_us = started.elapsed().as_micros() as u64, "call answered");
        Watch::answered(watch, answer)
    }
}

impl<S: Serves> Serves for Trace<S> {
    async fn serve(&self, mut request: Request<Body>) -> Response<Body> {
        let id = request_id(&request);
        let under = trace_of_caller(&request);
        // A span of this call in the trace of whoever calls, else in a new one.
        let trace = under.map_or_else(TraceParent::new, TraceParent::child);
        request.headers_mut().insert(REQUEST_ID, id.clone());
        request.extensions_mut().insert(trace);
        let span = tracing::info_span!(
            "call",
            role = self.role.name(),
            rpc.method = request.uri().path(),
            request.id = id.to_str().unwrap_or_default(),
            trace.id = trace.trace_id(),
            span.id = trace.span_id(),
        );
        let watch = Watch::server(&request, self.role, trace, under);
        let mut answer = self.watched(request, watch).instrument(span.clone()).await;
        answer.headers_mut().insert(REQUEST_ID, id);
        answer.map(|body| within(span, body))
    }
}

/// The rest of an answer, which logs as part of the call too.
fn within(span: tracing::Span, body: Body) -> Body {
    match span.is_disabled() || body.is_end_stream() {
        true => body,
        false => Body::new(SpannedBody { span, body }),
    }
}

struct SpannedBody {
    span: tracing::Span,
    body: Body,
}

impl http_body::Body for SpannedBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let Self { span, body } = &mut *self;
        span.in_scope(|| Pin::new(body).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a stream that nobody wants any more leaves to do belongs to the call too.
impl Drop for SpannedBody {
    fn drop(&mut self) {
        let Self { span, body } = self;
        span.in_scope(|| drop(std::mem::take(body)));
    }
}

fn trace_of_caller(request: &Request<Body>) -> Option<TraceParent> {
    let sent = request.headers().get(TRACEPARENT)?;
    sent.to_str().ok()?.parse().ok()
}

fn request_id(request: &Request<Body>) -> HeaderValue {
    let sent = request.headers().get(REQUEST_ID);
    let sane = sent.filter(|v| v.to_str().is_ok_and(is_sane_request_id));
    sane.cloned().unwrap_or_else(|| {
        HeaderValue::try_from(RequestId::new().to_string())
            .unwrap_or(HeaderValue::from_static("unknown"))
    })
}
