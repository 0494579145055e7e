//! Who calls, until when, and under which request id: the first argument of everything that serves a call.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use platform::Timestamp;
use platform::id::{AccessTokenId, LoginSessionId, UserId};
use platform::trace::{Cause, TraceParent};
use tokio::time::Instant;
use tonic::{Request, Status};
use troupe_proto::{Reason, Role, error};

/// Header that carries the request id, in and out.
pub const REQUEST_ID: &str = "x-request-id";
/// Header by which the gateway tells services the client's address. The gateway strips it from what clients send.
pub const CLIENT_ADDRESS: &str = "x-troupe-client-address";
/// Header on a call that the gateway passes on for a client. Such a call has the client's rights and not the gateway's, so
/// that whoever sends the header can only lose by it.
pub const FOR_CLIENT: &str = "x-troupe-for-client";
/// Header by which the gateway tells a method the cookie that its policy names. It is there if the client is a page that may
/// keep the cookie, and empty if it has none. The gateway strips it from what clients send.
pub const COOKIE: &str = "x-troupe-cookie";
/// Header of an answer by which such a method sets the cookie: `<value>; Max-Age=<seconds>`.
pub const SET_COOKIE: &str = "x-troupe-set-cookie";

/// A request id that a log can take as it is: printable ASCII without spaces, at most 128 characters.
pub fn is_sane_request_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}

/// The circumstances of a call.
#[derive(Debug, Clone)]
pub struct Ctx {
    /// Who calls.
    pub caller: Caller,
    /// When the call must be over.
    pub deadline: Instant,
    /// Finds the call in every log.
    pub request_id: Arc<str>,
    /// Its place in the trace of the request that it belongs to.
    pub trace: TraceParent,
    /// The client's address, as the gateway saw it.
    pub client_address: Option<IpAddr>,
    /// The caller's access token, passed on to other services.
    pub(crate) bearer: Option<Bearer>,
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody in particular.
    Anonymous,
    /// A person with a valid access token.
    Person(Person),
    /// Another role of Troupe.
    Role(Role),
}

/// A person, as the access token names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person.
    pub user_id: UserId,
    /// The login session that the token belongs to.
    pub login_session_id: LoginSessionId,
    /// The token.
    pub token_id: AccessTokenId,
    /// When the login session ends at the latest, where the token says so.
    pub session_end: Option<Timestamp>,
    /// Whether the person may call methods for admins.
    pub is_admin: bool,
}

/// An access token that doesn't show in logs.
#[derive(Clone)]
pub(crate) struct Bearer(pub(crate) Arc<str>);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

impl Ctx {
    /// The context of a call that the server stack let through.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let ctx = request.extensions().get::<Self>().cloned();
        ctx.ok_or_else(|| error::status(Reason::Internal, "the call did not pass the server stack"))
    }

    /// The context of work that is no call, such as a job that outlives its request, or the handling of an event. Its
    /// place in the trace is the cause's.
    pub fn of_job(role: Role, cause: &Cause, time_limit: Duration) -> Self {
        Self {
            caller: Caller::Role(role),
            deadline: Instant::now() + time_limit,
            request_id: Arc::clone(&cause.request_id),
            trace: cause.trace,
            client_address: None,
            bearer: None,
        }
    }

    /// What the call is to the work that it causes.
    pub fn cause(&self) -> Cause {
        Cause {
            request_id: Arc::clone(&self.request_id),
            trace: self.trace,
        }
    }

    /// The person who calls.
    pub fn person(&self) -> Result<&Person, Status> {
        match &self.caller {
            Caller::Person(person) => Ok(person),
            _ => Err(error::status(
                Reason::TokenMissing,
                "this needs a person's access token",
            )),
        }
    }

    /// The id of the person who calls.
    pub fn user_id(&self) -> Result<UserId, Status> {
        self.person().map(|p| p.user_id)
    }

    /// A request to another service on behalf of this call: its deadline, request id, trace and access token go along.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(self.clone());
        request
    }
}
