//! The server stack: what every call passes before its handler, written once for all services.

mod authorize;
mod deadline;
mod panic;
mod shed;
mod trace;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};

use crate::Role;
use crate::token::Verifier;

/// How much a server takes on.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls whose answers have not begun yet; more are refused at once.
    pub concurrent_calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent_calls: 1024,
        }
    }
}

/// A service behind the server stack. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Server {
    role: Role,
    stack: BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>,
}

impl Server {
    /// Puts the stack before a service's routes. A call passes it from the top of the list to its end:
    pub fn new(role: Role, routes: Routes, verifier: Verifier, limits: Limits) -> Self {
        let stack = ServiceBuilder::new()
            // Names the request for all below.
            .layer_fn(|inner| trace::Trace::new(inner, role))
            // Inside the trace, so that a panic is logged with its request.
            .layer_fn(panic::CatchPanic::new)
            // Before anything is spent on the call.
            .layer_fn(|inner| shed::Shed::new(inner, limits.concurrent_calls))
            // Before work is done for the call.
            .layer_fn(deadline::Deadline::new)
            // Needs the deadline for the context.
            .layer_fn(|inner| authorize::Authorize::new(inner, verifier.clone(), role))
            // Validation is the codec's: a message that breaks the contract is refused while it is decoded.
            .service(routes.prepare());
        Self {
            role,
            stack: BoxCloneSyncService::new(stack),
        }
    }

    /// The role that serves.
    pub fn role(&self) -> Role {
        self.role
    }
}

impl Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.stack.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.stack.call(request)
    }
}

/// A refusal as an answer of gRPC: HTTP 200 with the status in the headers.
fn refuse(status: Status) -> Response<Body> {
    status.into_http()
}
