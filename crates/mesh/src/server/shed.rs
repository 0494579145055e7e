//! Load shedding: refuses calls over the limit immediately, so that the others don't become slow, and lets those within it
//! wait no longer than a caller would. Behind the gateway, which refuses earlier, it is the second line.

use std::time::Duration;

use http::{Request, Response};
use tokio::sync::Semaphore;
use tonic::body::Body;
use troupe_proto::{Reason, error};

use super::{Serves, refuse};

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Counts calls until their answers begin; a stream that is being read doesn't count.
#[derive(Debug)]
pub(super) struct Shed<S> {
    inner: S,
    free: Semaphore,
}

impl<S> Shed<S> {
    pub(super) fn new(inner: S, limit: usize) -> Self {
        Self {
            inner,
            free: Semaphore::new(limit),
        }
    }
}

impl<S: Serves> Serves for Shed<S> {
    async fn serve(&self, request: Request<Body>) -> Response<Body> {
        let Ok(_permit) = self.free.try_acquire() else {
            let message = "the service is overloaded: try again in a second";
            let status = error::retry_later(Reason::Overloaded, message, RETRY_AFTER);
            return refuse(status);
        };
        // Whatever the call waits for inside, its caller waits too.
        platform::patience::of_call(self.inner.serve(request)).await
    }
}
