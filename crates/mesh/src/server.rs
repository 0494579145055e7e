//! The server stack: what every call passes before its handler, written once for all services.

mod authorize;
mod deadline;
mod panic;
mod shed;
mod trace;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::{Service, ServiceBuilder};

use self::authorize::Authorize;
use self::deadline::Deadline;
use self::panic::CatchPanic;
use self::shed::Shed;
use self::trace::Trace;
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

/// A layer of the server stack, or what is behind the last one. It never holds a call back: what is too much, it refuses.
trait Serves: Send + Sync + 'static {
    fn serve(&self, request: Request<Body>) -> impl Future<Output = Response<Body>> + Send;
}

/// The layers, from the outermost to the service's routes.
type Stack = Trace<CatchPanic<Shed<Deadline<Authorize<Routes>>>>>;

/// An answer on its way.
pub(crate) type Answer<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

/// A service behind the server stack. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Server {
    role: Role,
    stack: Arc<Stack>,
}

impl Server {
    /// Puts the stack before a service's routes. A call passes it from the top of the list to its end:
    pub fn new(role: Role, routes: Routes, verifier: Verifier, limits: Limits) -> Self {
        let stack = ServiceBuilder::new()
            // Names the request for all below.
            .layer_fn(|inner| Trace::new(inner, role))
            // Inside the trace, so that a panic is logged with its request.
            .layer_fn(CatchPanic::new)
            // Before anything is spent on the call.
            .layer_fn(|inner| Shed::new(inner, limits.concurrent_calls))
            // Before work is done for the call.
            .layer_fn(Deadline::new)
            // Needs the deadline for the context.
            .layer_fn(|inner| Authorize::new(inner, verifier.clone(), role))
            // Validation is the codec's: a message that breaks the contract is refused while it is decoded.
            .service(routes.prepare());
        Self {
            role,
            stack: Arc::new(stack),
        }
    }

    /// The role that serves.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Answers a call, whatever its caller takes for an error.
    pub(crate) fn answer<E: 'static>(&self, request: Request<Body>) -> Answer<E> {
        let stack = Arc::clone(&self.stack);
        Box::pin(async move { Ok(stack.serve(request).await) })
    }
}

impl Serves for Routes {
    async fn serve(&self, request: Request<Body>) -> Response<Body> {
        // They are always ready, and a clone is one more reference to them.
        let Ok(answer) = self.clone().call(request).await;
        answer
    }
}

/// The stack as the rest of the world calls it.
impl Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.answer(request)
    }
}

/// A refusal as an answer of gRPC: HTTP 200 with the status in the headers.
fn refuse(status: Status) -> Response<Body> {
    status.into_http()
}
