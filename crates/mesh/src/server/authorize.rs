//! Admits a call by its method's policy, and gives the handler its [`Ctx`]. The one place that decides who may call
//! what; services decide only what belongs to whom.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response, header};
use platform::trace::TraceParent;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use troupe_proto::policy::{self, Audience, MethodPolicy};
use troupe_proto::{Reason, error};

use super::deadline::DeadlineAt;
use crate::Role;
use crate::context::{Bearer, CLIENT_ADDRESS, Caller, Ctx, FOR_CLIENT, REQUEST_ID};
use crate::session::SessionStream;
use crate::token::Verifier;

#[derive(Debug, Clone)]
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
        let policy = policy::find(path).ok_or_else(|| unknown_method(path))?;
        let peer = peer(request);
        let bearer = bearer(request.headers());
        let caller = match policy.audience {
            Audience::Service => admit_role(policy, peer)?,
            Audience::Public => Caller::Anonymous,
            Audience::User => self.admit_person(bearer)?,
            Audience::Admin => admit_admin(self.admit_person(bearer)?)?,
            Audience::Unspecified => return Err(unknown_method(path)),
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
            bearer: bearer.map(|token| Bearer(token.into())),
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

    fn admit_person(&self, bearer: Option<&str>) -> Result<Caller, Status> {
        let token = bearer.ok_or_else(|| {
            let message = "this needs an access token: log in, and send it as `authorization: Bearer <token>`";
            error::status(Code::Unauthenticated, Reason::TokenMissing, message)
        })?;
        Ok(Caller::Person(self.verifier.verify(token)?))
    }
}

impl<S> Service<Request<Body>> for Authorize<S>
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

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.admit(&request) {
            Ok(ctx) => {
                let stream = self.stream(request.uri().path(), &ctx.caller);
                request.extensions_mut().insert(ctx);
                let answer = self.inner.call(request);
                let Some(stream) = stream else {
                    return Box::pin(answer);
                };
                Box::pin(async move {
                    let answer = stream.over(answer).await;
                    answer.unwrap_or_else(|ended| Ok(super::refuse(ended)))
                })
            }
            Err(status) => {
                tracing::debug!(role = self.role.name(), rpc.code = ?status.code(), "call refused");
                Box::pin(std::future::ready(Ok(super::refuse(status))))
            }
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
        _ => Err(unknown_method(policy.path)),
    }
}

fn admit_admin(caller: Caller) -> Result<Caller, Status> {
    match &caller {
        Caller::Person(person) if person.is_admin => Ok(caller),
        _ => Err(error::status(
            Code::PermissionDenied,
            Reason::PermissionDenied,
            "this is for admins",
        )),
    }
}

fn unknown_method(path: &str) -> Status {
    error::status(
        Code::Unimplemented,
        Reason::UnknownMethod,
        format!("there is no method {path} here"),
    )
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
