//! Load shedding: refuses calls over the limit immediately, so that the others don't become slow, and lets those within it
//! wait no longer than a caller would. Behind the gateway, which refuses earlier, it is the second line.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tokio::sync::Semaphore;
use tonic::Code;
use tonic::body::Body;
use tower::Service;
use troupe_proto::{Reason, error};

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Counts calls until their answers begin; a stream that is being read doesn't count.
#[derive(Debug, Clone)]
pub(super) struct Shed<S> {
    inner: S,
    free: Arc<Semaphore>,
}

impl<S> Shed<S> {
    pub(super) fn new(inner: S, limit: usize) -> Self {
        Self {
            inner,
            free: Arc::new(Semaphore::new(limit)),
        }
    }
}

impl<S> Service<Request<Body>> for Shed<S>
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
        let Ok(permit) = self.free.clone().try_acquire_owned() else {
            let message = "the service is overloaded: try again in a second";
            let status = error::retry_later(
                Code::ResourceExhausted,
                Reason::Overloaded,
                message,
                RETRY_AFTER,
            );
            return Box::pin(std::future::ready(Ok(super::refuse(status))));
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            // Whatever the call waits for inside, its caller waits too.
            let response = platform::patience::of_call(answer).await;
            drop(permit);
            response
        })
    }
}
