//! Ends a call at its deadline, also where the other end says nothing.

use http::Response;
use tonic::Status;
use tonic::body::Body;

use super::call::{Call, Calls};
use crate::server::deadline::{TimedBody, exceeded};

/// Bounds all tries of a call together, and the reading of its answer.
#[derive(Debug)]
pub(super) struct Deadline<S> {
    inner: S,
}

impl<S> Deadline<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }

    pub(super) fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Calls> Calls for Deadline<S> {
    async fn call(&self, call: Call) -> Result<Response<Body>, Status> {
        let Some(at) = call.deadline else {
            return self.inner.call(call).await;
        };
        match tokio::time::timeout_at(at, self.inner.call(call)).await {
            Ok(answer) => Ok(answer?.map(|body| Body::new(TimedBody::new(body, at)))),
            Err(_elapsed) => Err(exceeded()),
        }
    }
}
