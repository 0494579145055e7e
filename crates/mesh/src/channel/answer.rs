//! A call that an endpoint has, from the request to the end of the answer's body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;
use tonic::Status;

use super::endpoint::Endpoint;
use super::failure::broken_off;
use super::mend;

/// Whoever gave a call less time says nothing about the endpoint that didn't answer.
const FAIR_TIME: Duration = Duration::from_secs(1);

/// Counts a call among those of its endpoint, and tells the endpoint how it went.
#[derive(Debug)]
pub(super) struct Flight {
    endpoint: Arc<Endpoint>,
    began: Instant,
    deadline: Option<Instant>,
    is_waiting: bool,
}

impl Flight {
    /// A call is made.
    pub(super) fn begin(endpoint: Arc<Endpoint>, deadline: Option<Instant>) -> Self {
        let began = Instant::now();
        endpoint.load.began(began);
        Self {
            endpoint,
            began,
            deadline,
            is_waiting: true,
        }
    }

    /// The answer begins.
    pub(super) fn answered(&mut self, is_fault: bool) {
        self.is_waiting = false;
        let now = Instant::now();
        self.endpoint.load.answered(now - self.began, now);
        if is_fault {
            self.endpoint.failed(now);
        } else {
            self.endpoint.breaker.succeeded();
        }
    }

    /// There will be no answer.
    pub(super) fn failed(mut self, is_fault: bool) {
        self.give_up(is_fault);
    }

    /// Nothing was sent.
    pub(super) fn unsent(mut self) {
        self.give_up(false);
    }

    fn give_up(&mut self, is_fault: bool) {
        self.is_waiting = false;
        let now = Instant::now();
        self.endpoint.load.gave_up(now - self.began, now);
        if is_fault {
            self.endpoint.failed(now);
        }
    }
}

impl Drop for Flight {
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

/// The body of an answer. A connection that breaks under it is told as such.
#[derive(Debug)]
pub(super) struct AnswerBody {
    inner: Incoming,
    flight: Flight,
}

impl AnswerBody {
    pub(super) fn new(inner: Incoming, flight: Flight) -> Self {
        Self { inner, flight }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            mend::status(trailers);
        }
        Poll::Ready(
            frame
                .map(|frame| frame.map_err(|error| broken_off(self.flight.endpoint.name(), error))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
