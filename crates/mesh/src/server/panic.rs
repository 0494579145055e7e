//! Turns a panic of a handler, or of the stream it answers with, into INTERNAL, so that it costs one call and not the
//! process or the connection.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use http::{Request, Response};
use http_body::Body as _;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use troupe_proto::{Reason, error};

use crate::body::{Filter, Filtered, Polled, trailers};

#[derive(Debug, Clone)]
pub(super) struct CatchPanic<S> {
    inner: S,
}

impl<S> CatchPanic<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<Request<Body>> for CatchPanic<S>
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

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        Box::pin(async move {
            let Ok(answer) = answer else {
                return Ok(super::refuse(panicked()));
            };
            match AssertUnwindSafe(answer).catch_unwind().await {
                Ok(answered) => {
                    Ok(answered?.map(|body| Body::new(Filtered::new(body, EndOnPanic))))
                }
                Err(_panic) => Ok(super::refuse(panicked())),
            }
        })
    }
}

fn panicked() -> Status {
    tracing::error!("a handler panicked");
    error::status(Code::Internal, Reason::Internal, error::UNEXPLAINED)
}

/// Ends a body with INTERNAL when it panics.
struct EndOnPanic;

impl Filter<Body> for EndOnPanic {
    fn poll_frame(self: Pin<&mut Self>, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        let polled = catch_unwind(AssertUnwindSafe(|| body.poll_frame(cx)));
        polled.unwrap_or_else(|_panic| trailers(&panicked()))
    }
}
