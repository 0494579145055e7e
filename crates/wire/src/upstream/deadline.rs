//! Ends a call at its deadline, also where the other end says nothing.

use http::Response;
use mesh::deadline::{asked_timeout, ends_at, exceeded};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::call::{Call, Calls};

/// Bounds all tries of a call together, and the reading of its answer. The layers below learn until when.
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
    async fn call(&self, mut call: Call) -> Result<Response<Body>, Status> {
        call.deadline = deadline(&call);
        let Some(at) = call.deadline else {
            return self.inner.call(call).await;
        };
        match tokio::time::timeout_at(at, self.inner.call(call)).await {
            Ok(answer) => Ok(answer?.map(|body| ends_at(at, body))),
            Err(_elapsed) => Err(exceeded()),
        }
    }
}

/// The method's timeout or what the request asks for, whichever is shorter.
fn deadline(call: &Call) -> Option<Instant> {
    let limit = call.policy.map(|policy| policy.timeout);
    let asked = asked_timeout(call.request.headers());
    let timeout = [limit, asked].into_iter().flatten().min()?;
    Instant::now().checked_add(timeout)
}
