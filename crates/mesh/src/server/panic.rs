//! Turns a panic of a handler, or of the stream it answers with, into INTERNAL, so that it costs one call and not the
//! process or the connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Context;

use futures::FutureExt;
use http::{Request, Response};
use http_body::Body as _;
use tonic::Status;
use tonic::body::Body;
use troupe_proto::{Reason, error};

use super::{Serves, refuse};
use crate::body::{Filter, Filtered, Polled, trailers};

#[derive(Debug)]
pub(super) struct CatchPanic<S> {
    inner: S,
}

impl<S> CatchPanic<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S: Serves> Serves for CatchPanic<S> {
    async fn serve(&self, request: Request<Body>) -> Response<Body> {
        let answer = AssertUnwindSafe(self.inner.serve(request));
        match answer.catch_unwind().await {
            Ok(answer) => answer.map(|body| Body::new(Filtered::new(body, EndOnPanic))),
            Err(_panic) => refuse(panicked()),
        }
    }
}

fn panicked() -> Status {
    tracing::error!("a handler panicked");
    error::status(Reason::Internal, error::UNEXPLAINED)
}

/// Ends a body with INTERNAL when it panics.
struct EndOnPanic;

impl Filter<Body> for EndOnPanic {
    fn poll_frame(self: Pin<&mut Self>, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        let polled = catch_unwind(AssertUnwindSafe(|| body.poll_frame(cx)));
        polled.unwrap_or_else(|_panic| trailers(&panicked()))
    }
}
