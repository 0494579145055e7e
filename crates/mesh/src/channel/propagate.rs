//! What goes along with a call: its deadline, request id, trace and access token.

use std::time::Duration;

use http::{HeaderValue, Request, header};
use platform::trace::TRACEPARENT;
use tokio::time::Instant;
use tonic::body::Body;
use troupe_proto::policy;

use crate::context::{Ctx, FOR_CLIENT, REQUEST_ID};
use crate::deadline::asked_timeout;

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
