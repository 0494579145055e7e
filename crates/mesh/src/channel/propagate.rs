//! What goes along with a call: its deadline, request id, trace and access token.

use std::time::Duration;

use http::{HeaderValue, Request, Response, header};
use platform::trace::TRACEPARENT;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use troupe_proto::policy;

use super::call::{Call, Calls};
use crate::context::{Ctx, FOR_CLIENT, REQUEST_ID};
use crate::server::deadline::asked_timeout;

/// Writes the caller's context into the headers, and reads from them when the call must be over.
#[derive(Debug)]
pub(super) struct Propagate<S> {
    inner: S,
}

impl<S> Propagate<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }

    pub(super) fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Calls> Calls for Propagate<S> {
    async fn call(&self, mut call: Call) -> Result<Response<Body>, Status> {
        write(&mut call.request);
        let limit = call.policy.map(|policy| policy.timeout);
        let asked = asked_timeout(call.request.headers());
        let timeout = [limit, asked].into_iter().flatten().min();
        call.deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.inner.call(call).await
    }
}

/// Takes the gateway's own rights from a call. Once it is at another process, only this tells it from the gateway's own.
pub(super) fn mark_for_client(request: &mut Request<Body>) {
    let yes = HeaderValue::from_static("1");
    request.headers_mut().insert(FOR_CLIENT, yes);
}

/// Writes the caller's context into the headers, and leaves a request without one as it is.
pub(super) fn write(request: &mut Request<Body>) {
    let Some(ctx) = request.extensions_mut().remove::<Ctx>() else {
        return;
    };
    let limit = policy::find(request.uri().path()).map(|p| p.timeout);
    let left = ctx.deadline.saturating_duration_since(Instant::now());
    let asked = asked_timeout(request.headers());
    let timeout = [limit, asked]
        .into_iter()
        .flatten()
        .fold(left, Duration::min);
    let headers = request.headers_mut();
    if let Ok(value) = HeaderValue::try_from(format!("{}m", timeout.as_millis().min(99_999_999))) {
        headers.insert("grpc-timeout", value);
    }
    if let Ok(value) = HeaderValue::try_from(&*ctx.request_id) {
        headers.insert(REQUEST_ID, value);
    }
    if let Ok(value) = HeaderValue::try_from(ctx.trace.to_string()) {
        headers.insert(TRACEPARENT, value);
    }
    if let Some(bearer) = &ctx.bearer
        && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", bearer.0))
    {
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
}
