//! What login sessions have open: each stream of a person ends with the login session that it was opened with, while what
//! it shows goes on. Who revokes a session does so once for all its streams, and nobody looks again and again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Response;
use http_body::{Body as _, SizeHint};
use platform::id::LoginSessionId;
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::body::Body;
use troupe_proto::{Reason, error};

use crate::Verifier;
use crate::body::{Filter, Filtered, Polled, trailers};
use crate::context::Person;

/// No stream lasts longer: an end beyond that needs no timer.
const LONGEST_STREAM: Duration = Duration::from_secs(24 * 3600);

/// The login sessions that have streams open.
#[derive(Debug, Default)]
pub(crate) struct OpenSessions(Mutex<HashMap<LoginSessionId, Open>>);

#[derive(Debug, Default)]
struct Open {
    ended: CancellationToken,
    streams: usize,
}

impl OpenSessions {
    fn enter(&self, id: LoginSessionId) -> CancellationToken {
        let mut sessions = self.sessions();
        let open = sessions.entry(id).or_default();
        open.streams += 1;
        open.ended.clone()
    }

    fn leave(&self, id: LoginSessionId) {
        if let Entry::Occupied(mut open) = self.sessions().entry(id) {
            open.get_mut().streams -= 1;
            if open.get().streams == 0 {
                open.remove();
            }
        }
    }

    /// Ends what a login session has open.
    pub(crate) fn end(&self, id: LoginSessionId) {
        let ended = self.sessions().get(&id).map(|open| open.ended.clone());
        // Outside the lock, since it wakes whoever waits.
        if let Some(ended) = ended {
            ended.cancel();
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<LoginSessionId, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of a person, which ends with the person's login session.
pub struct SessionStream {
    verifier: Verifier,
    id: LoginSessionId,
    revoked: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Where the session ends by itself while the stream may be open.
    expires: Option<Pin<Box<Sleep>>>,
}

impl SessionStream {
    pub(crate) fn new(verifier: &Verifier, person: &Person) -> Self {
        let id = person.login_session_id;
        let revoked = verifier.open_sessions().enter(id);
        // Entered before, so that a revocation that comes meanwhile is seen here or there.
        if verifier.is_revoked(id) {
            revoked.cancel();
        }
        let left = person.session_end.map(|end| end.since(verifier.now()));
        let left = left.filter(|left| *left < LONGEST_STREAM);
        Self {
            verifier: verifier.clone(),
            id,
            revoked: Box::pin(revoked.cancelled_owned()),
            expires: left.map(|left| Box::pin(tokio::time::sleep(left))),
        }
    }

    /// Waits for an answer and lets its body end with the session. The work behind the answer is dropped then, as where its
    /// client leaves.
    ///
    /// # Errors
    /// UNAUTHENTICATED, where the session ends before the answer begins.
    pub async fn over<E>(
        mut self,
        answer: impl Future<Output = Result<Response<Body>, E>>,
    ) -> Result<Result<Response<Body>, E>, Status> {
        tokio::select! {
            biased;
            answered = answer => Ok(answered.map(|answer| answer.map(|body| self.bind(body)))),
            () = std::future::poll_fn(|cx| self.poll_end(cx)) => Err(ended()),
        }
    }

    fn bind(self, body: Body) -> Body {
        Body::new(Filtered::new(body, self))
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.revoked.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        match &mut self.expires {
            Some(expires) => expires.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl Drop for SessionStream {
    fn drop(&mut self) {
        self.verifier.open_sessions().leave(self.id);
    }
}

impl fmt::Debug for SessionStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionStream({})", self.id)
    }
}

/// Ends a body with UNAUTHENTICATED when its session ends.
impl Filter<Body> for SessionStream {
    fn poll_frame(mut self: Pin<&mut Self>, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        // First, or a stream that always has something ready would never end.
        match self.poll_end(cx) {
            Poll::Ready(()) => trailers(&ended()),
            Poll::Pending => body.poll_frame(cx),
        }
    }

    fn size_hint(&self, _: &Body) -> SizeHint {
        SizeHint::default()
    }
}

fn ended() -> Status {
    let message = "the login session has ended: log in again; what was started continues";
    error::status(Reason::TokenInvalid, message)
}
