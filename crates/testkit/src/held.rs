//! Calls of tests hold services to their contracts: a method refuses for reasons of its own or for common ones, with the code
//! and the metadata that the contract gives the reason.

#![expect(clippy::panic, reason = "a test says what is wrong by failing")]

use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use hyper::body::Body as _;
use mesh::body::{Filter, Filtered, Polled};
use mesh::channel::Elsewhere;
use mesh::{Channel, Role, Server};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::Service;
use troupe_proto::{error, policy};

/// What is wrong with how a method refuses a call, by its contract. Nothing is known of methods without one.
pub fn breach(path: &str, status: &Status) -> Option<String> {
    let method = policy::find(path).filter(|_| status.code() != Code::Ok)?;
    let said = format!("{path} refuses with {status:?}");
    let Some(reason) = error::reason_of(status) else {
        return Some(format!("{said}, which has no reason of the catalogue"));
    };
    let name = reason.name();
    if !method.may_refuse_for(reason) {
        return Some(format!("{said}: its policy doesn't name {name}"));
    }
    if status.code() != reason.code() {
        return Some(format!("{said}: the code of {name} is {:?}", reason.code()));
    }
    let known = reason.policy().map_or(&[][..], |policy| policy.metadata);
    let info = status.get_details_error_info()?;
    let odd = info
        .metadata
        .keys()
        .find(|key| !known.contains(&key.as_str()))?;
    Some(format!("{said}: {name} has no metadata {odd}"))
}

/// As [`Channel::for_clients`]. A call fails its test where the service breaks its contract.
pub fn for_clients(server: &Server) -> Channel {
    channel(server, None)
}

/// As [`Channel::in_process`]. A call fails its test where the service breaks its contract.
pub fn as_role(server: &Server, role: Role) -> Channel {
    channel(server, Some(role)).by(role)
}

fn channel(server: &Server, caller: Option<Role>) -> Channel {
    let held = Held {
        server: server.clone(),
        caller,
    };
    Channel::elsewhere(server.role(), Elsewhere::new(held))
}

/// A service whose answers are looked at.
#[derive(Debug, Clone)]
struct Held {
    server: Server,
    /// The role that calls, as a certificate would tell.
    caller: Option<Role>,
}

impl Service<Request<Body>> for Held {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        if let Some(role) = self.caller {
            request.extensions_mut().insert(role);
        }
        let answer = self.server.call(request);
        Box::pin(async move {
            let Ok(answer) = answer.await;
            check(&path, answer.headers());
            Ok(answer.map(|body| Body::new(Filtered::new(body, Watched { path }))))
        })
    }
}

fn check(path: &str, headers: &HeaderMap) {
    let status = Status::from_header_map(headers);
    if let Some(breach) = status.and_then(|status| breach(path, &status)) {
        panic!("{breach}");
    }
}

/// Looks at the end of an answer.
struct Watched {
    path: String,
}

impl Filter<Body> for Watched {
    fn poll_frame(self: Pin<&mut Self>, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        let polled = body.poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            check(&self.path, trailers);
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use troupe_proto::{Class, Reason};

    use super::*;

    const DELETE: &str = "/troupe.roleplay.v1.MessageService/DeleteMessage";

    #[test]
    fn a_refusal_that_the_contract_has_is_no_breach() {
        let running = Class::new(Reason::GenerationRunning).fact("generationId", "gen_1");
        for status in [
            running.status_of(&"wait"),
            error::status(Reason::NotFound, "gone"),
            error::status(Reason::Overloaded, "later"),
            Status::ok(""),
        ] {
            assert_eq!(breach(DELETE, &status), None);
        }
        assert_eq!(
            breach("/echo.v1.EchoService/Echo", &Status::aborted("")),
            None
        );
    }

    #[test]
    fn what_the_contract_does_not_have_is_one() {
        let other_code = error::status(Reason::NotFound, "gone");
        let other_code = Status::with_details(
            Code::FailedPrecondition,
            "gone",
            bytes::Bytes::copy_from_slice(other_code.details()),
        );
        let other_fact = Class::new(Reason::GenerationRunning).fact("generation_id", "gen_1");
        for (status, expected) in [
            (Status::not_found("gone"), "no reason"),
            (error::status(Reason::CardInvalid, "odd"), "doesn't name"),
            (other_code, "the code of NOT_FOUND"),
            (other_fact.status_of(&"wait"), "generation_id"),
        ] {
            let breach = breach(DELETE, &status).unwrap();
            assert!(breach.contains(expected), "{breach}");
        }
    }
}
