//! A call in flight: from the request to the end of the answer's body.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use mesh::body::{Filter, Filtered, Polled};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};

use super::connection::Connection;
use super::endpoint::Endpoint;
use super::failure::{Failure, Reach, broken_off};
use super::mend;
use super::peers::Peers;

/// A call with a shorter deadline than this that gets no answer doesn't count as a failure of the endpoint: the deadline may be
/// what was wrong.
const FAIR_TIME: Duration = Duration::from_secs(1);

/// Makes a call on a connection of an endpoint, which is one of `peers`.
pub(super) async fn call(
    peers: &Arc<Peers>,
    endpoint: Arc<Endpoint>,
    connection: Arc<Connection>,
    mut request: Request<Body>,
    deadline: Option<Instant>,
) -> Result<Response<Body>, Failure> {
    endpoint.direct(&mut request)?;
    let mut in_flight = InFlight::begin(peers, Arc::clone(&endpoint), deadline);
    let mut sender = connection.sender.clone();
    let mut failed = match sender.try_send_request(request).await {
        Ok(mut answer) => {
            mend::status(answer.headers_mut());
            in_flight.answered(is_fault(&answer));
            return Ok(answer.map(|body| Body::new(Filtered::new(body, in_flight))));
        }
        Err(failed) => failed,
    };
    if let Some(unsent) = failed.take_message() {
        in_flight.unsent();
        endpoint.let_go(&connection);
        return Err(Failure {
            reach: Reach::Unsent(Box::new(unsent)),
            status: Status::unavailable("the connection ended before the request was sent"),
        });
    }
    let said = *connection.said.borrow();
    let failure = Failure::of(endpoint.name(), failed.into_error(), said);
    in_flight.failed(!matches!(failure.reach, Reach::Refused));
    Err(failure)
}

/// A call in flight. It counts among those of its endpoint, and reports its outcome to the outlier ejection.
#[derive(Debug)]
struct InFlight {
    endpoint: Arc<Endpoint>,
    peers: Weak<Peers>,
    began: Instant,
    deadline: Option<Instant>,
    is_waiting: bool,
}

impl InFlight {
    fn begin(peers: &Arc<Peers>, endpoint: Arc<Endpoint>, deadline: Option<Instant>) -> Self {
        let began = Instant::now();
        endpoint.load.began(began);
        Self {
            endpoint,
            peers: Arc::downgrade(peers),
            began,
            deadline,
            is_waiting: true,
        }
    }

    fn answered(&mut self, is_fault: bool) {
        self.is_waiting = false;
        let now = Instant::now();
        self.endpoint.load.answered(now - self.began, now);
        if is_fault {
            self.blame(now);
        } else {
            self.endpoint.breaker.succeeded();
        }
    }

    /// There will be no answer.
    fn failed(mut self, is_fault: bool) {
        self.give_up(is_fault);
    }

    fn unsent(mut self) {
        self.give_up(false);
    }

    fn give_up(&mut self, is_fault: bool) {
        self.is_waiting = false;
        let now = Instant::now();
        self.endpoint.load.gave_up(now - self.began, now);
        if is_fault {
            self.blame(now);
        }
    }

    fn blame(&self, now: Instant) {
        if self.endpoint.failed(now)
            && let Some(peers) = self.peers.upgrade()
        {
            peers.eject(&self.endpoint);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.is_waiting {
            // The caller went away, which is the endpoint's fault only where the caller had waited long enough.
            let now = Instant::now();
            let is_late = self.deadline.is_some_and(|deadline| now >= deadline);
            self.give_up(is_late && now - self.began >= FAIR_TIME);
        }
        self.endpoint.load.ended();
    }
}

/// Mends the trailers of an answer, and tells of a connection that breaks under it.
impl Filter<Incoming> for InFlight {
    fn poll_frame(self: Pin<&mut Self>, body: Pin<&mut Incoming>, cx: &mut Context<'_>) -> Polled {
        let mut frame = ready!(body.poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            mend::status(trailers);
        }
        let broken = |error| broken_off(self.endpoint.name(), error);
        Poll::Ready(frame.map(|frame| frame.map_err(broken)))
    }
}

/// Whether an answer is the endpoint's fault rather than its caller's.
fn is_fault(answer: &Response<Incoming>) -> bool {
    let Some(code) = answer.headers().get("grpc-status") else {
        return false;
    };
    matches!(
        Code::from_bytes(code.as_bytes()),
        Code::Unknown | Code::Internal | Code::Unavailable | Code::DataLoss
    )
}
