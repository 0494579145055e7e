//! The client side: what generated clients call through.

mod gathered;
mod remote;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request, Response, Uri, header};
use platform::trace::TRACEPARENT;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt, service_fn};
use troupe_proto::policy;

use crate::calls::Watch;
use crate::context::{Ctx, REQUEST_ID, Role};
use crate::server::Server;
use crate::server::deadline::asked_timeout;

use self::remote::Remote;

/// A connection to a service, in this process or another. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Channel {
    /// The role that calls; a service sees it as its peer. The gateway, which calls for its clients, has none.
    role: Option<Role>,
    transport: BoxCloneSyncService<Request<Body>, Response<Body>, Status>,
}

impl Channel {
    /// A connection of `role` to a service in this process.
    pub fn in_process(server: &Server, role: Role) -> Self {
        Self {
            role: Some(role),
            transport: direct(server),
        }
    }

    /// A connection of the gateway to a service in this process: calls are made for the gateway's clients.
    pub fn for_clients(server: &Server) -> Self {
        Self {
            role: None,
            transport: direct(server),
        }
    }

    /// A connection of the gateway to a gRPC server elsewhere, made at the first call. `uri` is such as
    /// `http://127.0.0.1:50051`.
    pub fn remote(uri: Uri) -> Self {
        let remote = Remote::new(uri);
        let transport = service_fn(move |request| remote.clone().call(request));
        Self {
            role: None,
            transport: BoxCloneSyncService::new(transport),
        }
    }
}

fn direct(server: &Server) -> BoxCloneSyncService<Request<Body>, Response<Body>, Status> {
    BoxCloneSyncService::new(server.clone().map_err(|never: Infallible| match never {}))
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.transport.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let watch = Watch::client(&mut request, self.role);
        propagate(&mut request, self.role);
        Watch::over(watch, self.transport.call(request))
    }
}

/// Writes the caller's context into the headers, and leaves a request without one as it is.
fn propagate(request: &mut Request<Body>, role: Option<Role>) {
    let ctx = request.extensions_mut().remove::<Ctx>();
    if let Some(role) = role {
        request.extensions_mut().insert(role);
    }
    let Some(ctx) = ctx else { return };
    let limit = policy::find(request.uri().path()).map(|p| p.timeout);
    let left = ctx.deadline.saturating_duration_since(Instant::now());
    let asked = asked_timeout(request.headers());
    let timeout = [limit, asked]
        .into_iter()
        .flatten()
        .fold(left, Duration::min);
    let headers = request.headers_mut();
    if let Ok(value) = HeaderValue::try_from(format!("{}m", timeout.as_millis().min(99_999_999))) {
        headers.insert("grpc-timeout", value);
    }
    if let Ok(value) = HeaderValue::try_from(&*ctx.request_id) {
        headers.insert(REQUEST_ID, value);
    }
    if let Ok(value) = HeaderValue::try_from(ctx.trace.to_string()) {
        headers.insert(TRACEPARENT, value);
    }
    if let Some(bearer) = &ctx.bearer
        && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", bearer.0))
    {
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
}
