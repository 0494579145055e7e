//! A call on its way through the client stack.

use std::future::Future;

use http::{Request, Response};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use troupe_proto::policy::{self, MethodPolicy};

/// A call, and what the layers know of it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) request: Request<Body>,
    /// What the contract says about the method, if it is one of ours.
    pub(super) policy: Option<&'static MethodPolicy>,
    /// When it must be over, if that is known.
    pub(super) deadline: Option<Instant>,
}

impl Call {
    /// A call that no layer has seen yet.
    pub(super) fn new(request: Request<Body>) -> Self {
        Self {
            policy: policy::find(request.uri().path()),
            request,
            deadline: None,
        }
    }
}

/// A layer of the client stack.
pub(super) trait Calls: Send + Sync + 'static {
    fn call(&self, call: Call) -> impl Future<Output = Result<Response<Body>, Status>> + Send;
}
