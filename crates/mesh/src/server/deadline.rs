//! Ends a call when its deadline passes: the policy's timeout or the caller's `grpc-timeout`, whichever is shorter.
//! Dropping the handler's future, or its stream, is what cancels the work behind it.

use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;
use tonic::body::Body;
use troupe_proto::policy;

use super::{Serves, refuse};
use crate::deadline::{asked_timeout, ends_at, exceeded};

/// For methods that have no policy, such as health checks.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// When the call must be over, for the layers below.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeadlineAt(pub(super) Instant);

#[derive(Debug)]
pub(super) struct Deadline<S> {
    inner: S,
}

impl<S> Deadline<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S: Serves> Serves for Deadline<S> {
    async fn serve(&self, mut request: Request<Body>) -> Response<Body> {
        let limit = policy::find(request.uri().path()).map_or(DEFAULT_TIMEOUT, |p| p.timeout);
        let timeout = asked_timeout(request.headers()).map_or(limit, |asked| asked.min(limit));
        let at = Instant::now() + timeout;
        request.extensions_mut().insert(DeadlineAt(at));
        match tokio::time::timeout_at(at, self.inner.serve(request)).await {
            Ok(answer) => answer.map(|body| ends_at(at, body)),
            Err(_elapsed) => refuse(exceeded()),
        }
    }
}
