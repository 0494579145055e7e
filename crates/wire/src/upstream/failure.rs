//! What became of a try that has no answer.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use h2::Reason as Reset;
use http::Request;
use tonic::Status;
use tonic::body::Body;
use troupe_proto::{Reason, error};

use super::goaway::Said;

/// A try that has no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reach: Reach,
    pub(super) status: Status,
}

/// Why nobody can be reached.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

/// How far the request of a failed try came.
pub(super) enum Reach {
    /// There is no endpoint that it could be sent to.
    Nowhere,
    /// The connection ended before it was sent; here it is again.
    Unsent(Box<Request<Body>>),
    /// It was sent, and the server certainly did nothing about it.
    Refused,
    /// The connection broke: it may have been handled.
    Lost,
    /// The server ended it.
    Ended,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nowhere => "Nowhere",
            Self::Unsent(_) => "Unsent",
            Self::Refused => "Refused",
            Self::Lost => "Lost",
            Self::Ended => "Ended",
        })
    }
}

impl Failure {
    /// Nobody of `name` can be reached. Anybody may read the status; why is its source, which stays in the process.
    pub(super) fn nowhere(name: &str, cause: &str) -> Self {
        let message = format!("{name} can't be reached right now: try again in a second");
        let delay = Duration::from_secs(1);
        let mut status = error::retry_later(Reason::Unavailable, message, delay);
        status.set_source(Arc::new(Cause(cause.to_owned())));
        Self {
            reach: Reach::Nowhere,
            status,
        }
    }

    /// What hyper says of a request that is gone. `said` is the last that the server said about its connection.
    pub(super) fn of(name: &str, failed: hyper::Error, said: Said) -> Self {
        let http2 = http2_error(&failed);
        let reset = http2.and_then(h2::Error::reason);
        let is_remote = http2.is_some_and(h2::Error::is_remote);
        let is_go_away = http2.is_some_and(h2::Error::is_go_away);
        let reach = if is_remote && !is_go_away && reset == Some(Reset::REFUSED_STREAM) {
            Reach::Refused
        } else if is_remote && is_go_away && said.names_last_stream() {
            // Only streams beyond the last that the server names fail this way.
            Reach::Refused
        } else if http2.is_some_and(h2::Error::is_reset) {
            Reach::Ended
        } else {
            Reach::Lost
        };
        let status = match reach {
            Reach::Ended => Status::from_error(Box::new(failed)),
            _ => broken(name, &failed),
        };
        Self { reach, status }
    }
}

/// The status of an answer whose connection broke.
pub(super) fn broken_off(name: &str, failed: hyper::Error) -> Status {
    if http2_error(&failed).is_some_and(h2::Error::is_reset) {
        return Status::from_error(Box::new(failed));
    }
    broken(name, &failed)
}

fn broken(name: &str, failed: &hyper::Error) -> Status {
    tracing::debug!(
        server = name,
        error = failed as &dyn Error,
        "a connection broke under a call"
    );
    unavailable(format!("the connection to {name} broke"))
}

fn unavailable(message: String) -> Status {
    error::status(Reason::Unavailable, message)
}

fn http2_error(failed: &hyper::Error) -> Option<&h2::Error> {
    let mut next: Option<&(dyn Error + 'static)> = failed.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}
