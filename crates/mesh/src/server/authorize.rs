//! Admits a call by its method's policy, and gives the handler its [`Ctx`]. The one place that decides who may call
//! what; services decide only what belongs to whom.

use std::convert::Infallible;
use std::net::IpAddr;

use futures::FutureExt;
use http::{HeaderMap, Request, Response};
use platform::trace::TraceParent;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use troupe_proto::policy::{self, Audience, MethodPolicy};

use super::deadline::DeadlineAt;
use super::{Serves, refuse};
use crate::Role;
use crate::admission::{admit, bearer, unknown_method};
use crate::context::{Bearer, CLIENT_ADDRESS, Caller, Ctx, FOR_CLIENT, REQUEST_ID};
use crate::session::SessionStream;
use crate::token::Verifier;

#[derive(Debug)]
pub(super) struct Authorize<S> {
    inner: S,
    verifier: Verifier,
    role: Role,
}

impl<S> Authorize<S> {
    pub(super) fn new(inner: S, verifier: Verifier, role: Role) -> Self {
        Self {
            inner,
            verifier,
            role,
        }
    }

    fn admit(&self, request: &Request<Body>) -> Result<Ctx, Status> {
        let path = request.uri().path();
        let policy = policy::find(path).ok_or_else(unknown_method)?;
        let caller = match policy.audience {
            Audience::Service => admit_role(policy, peer(request))?,
            audience => admit(audience, request.headers(), &self.verifier)?
                .map_or(Caller::Anonymous, Caller::Person),
        };
        Ok(Ctx {
            caller,
            deadline: request
                .extensions()
                .get::<DeadlineAt>()
                .map_or_else(Instant::now, |d| d.0),
            request_id: text(request.headers(), REQUEST_ID)
                .unwrap_or_default()
                .into(),
            trace: request
                .extensions()
                .get::<TraceParent>()
                .map_or_else(TraceParent::new, |trace| *trace),
            client_address: text(request.headers(), CLIENT_ADDRESS)
                .and_then(|a| a.parse::<IpAddr>().ok()),
            bearer: bearer(request.headers()).map(|token| Bearer(token.into())),
        })
    }

    /// What ends the answer with the caller's login session, where it is a stream.
    fn stream(&self, path: &str, caller: &Caller) -> Option<SessionStream> {
        let Caller::Person(person) = caller else {
            return None;
        };
        let is_stream = policy::find(path).is_some_and(|it| it.server_streaming);
        is_stream.then(|| self.verifier.stream(person))
    }
}

impl<S: Serves> Serves for Authorize<S> {
    async fn serve(&self, mut request: Request<Body>) -> Response<Body> {
        let ctx = match self.admit(&request) {
            Ok(ctx) => ctx,
            Err(status) => {
                tracing::debug!(role = self.role.name(), rpc.code = ?status.code(), "call refused");
                return refuse(status);
            }
        };
        let stream = self.stream(request.uri().path(), &ctx.caller);
        request.extensions_mut().insert(ctx);
        let answer = self.inner.serve(request);
        let Some(stream) = stream else {
            return answer.await;
        };
        match stream.over(answer.map(Ok::<_, Infallible>)).await {
            Ok(Ok(answer)) => answer,
            Err(ended) => refuse(ended),
        }
    }
}

/// The role that calls on its own account. The transport tells it; no header can.
fn peer(request: &Request<Body>) -> Option<Role> {
    let peer = request.extensions().get::<Role>().copied();
    peer.filter(|_| !request.headers().contains_key(FOR_CLIENT))
}

fn admit_role(policy: &MethodPolicy, peer: Option<Role>) -> Result<Caller, Status> {
    match peer {
        Some(role) if policy.callers.contains(&role) => Ok(Caller::Role(role)),
        // To everybody else the method doesn't exist.
        _ => Err(unknown_method()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
