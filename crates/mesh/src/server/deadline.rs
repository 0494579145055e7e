//! Ends a call when its deadline passes: the policy's timeout or the caller's `grpc-timeout`, whichever is shorter.
//! Dropping the handler's future, or its stream, is what cancels the work behind it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;
use tonic::body::Body;
use tower::Service;
use troupe_proto::policy;

use crate::deadline::{asked_timeout, ends_at, exceeded};

/// For methods that have no policy, such as health checks.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// When the call must be over, for the layers below.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeadlineAt(pub(super) Instant);

#[derive(Debug, Clone)]
pub(super) struct Deadline<S> {
    inner: S,
}

impl<S> Deadline<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<Request<Body>> for Deadline<S>
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
        let limit = policy::find(request.uri().path()).map_or(DEFAULT_TIMEOUT, |p| p.timeout);
        let timeout = asked_timeout(request.headers()).map_or(limit, |asked| asked.min(limit));
        let at = Instant::now() + timeout;
        request.extensions_mut().insert(DeadlineAt(at));
        let answer = self.inner.call(request);
        Box::pin(async move {
            match tokio::time::timeout_at(at, answer).await {
                Ok(response) => Ok(response?.map(|body| ends_at(at, body))),
                Err(_elapsed) => Ok(super::refuse(exceeded())),
            }
        })
    }
}
