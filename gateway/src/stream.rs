//! A server stream as an HTTP body: server-sent events, newline-delimited JSON, a JSON array, raw bytes, the envelopes of
//! Connect, or the events of OpenAI. Each message is one write. A stream that breaks says so in its own form, and never just ends.

mod style;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::HeaderMap;
use http_body::Frame;
use tokio::time::{Instant, Sleep};
use tonic::{Code, Status};

pub(crate) use self::style::{Form, Style};
use crate::guard::caught;
use crate::messages::Messages;
use crate::refusal::too_late;
use crate::visit::AccessLog;

/// Writes the messages of a stream.
pub(crate) trait Scribe: fmt::Debug + Send {
    /// A message as it is written; nothing where it isn't.
    fn message(&mut self, message: &Bytes) -> Result<Bytes, Status>;

    /// What ends a stream that succeeded.
    ///
    /// # Errors
    /// It has not.
    fn end(&mut self, trailers: Option<&HeaderMap>) -> Result<Option<Bytes>, Status>;

    /// The last part of a stream that breaks.
    ///
    /// # Errors
    /// There is no place for it, so that the connection breaks too.
    fn failure(&mut self, status: Status) -> Result<Bytes, Status>;

    /// Whether silence is filled.
    fn has_heartbeats(&self) -> bool;
}

/// The body.
#[derive(Debug)]
pub(crate) struct StreamBody {
    scribe: Box<dyn Scribe>,
    messages: Messages,
    /// What was read to learn whether the call fails before its first message.
    first: Option<Option<Result<Bytes, Status>>>,
    ended: bool,
    /// Why raw bytes break off, once those before it are on their way.
    broken: Option<Status>,
    heartbeat: Pin<Box<Sleep>>,
    silence: Duration,
    deadline: Pin<Box<Sleep>>,
    log: AccessLog,
}

/// A stream that goes on after `first`, or from its start where nothing was read yet.
pub(crate) struct Begun {
    pub(crate) scribe: Box<dyn Scribe>,
    pub(crate) messages: Messages,
    pub(crate) first: Option<Option<Result<Bytes, Status>>>,
    /// After which a heartbeat is written.
    pub(crate) silence: Duration,
    pub(crate) deadline: Instant,
}

impl Begun {
    /// The body, whose end is logged.
    pub(crate) fn body(self, log: AccessLog) -> StreamBody {
        StreamBody {
            scribe: self.scribe,
            messages: self.messages,
            first: self.first,
            ended: false,
            broken: None,
            heartbeat: Box::pin(tokio::time::sleep(self.silence)),
            silence: self.silence,
            deadline: Box::pin(tokio::time::sleep_until(self.deadline)),
            log,
        }
    }
}

impl StreamBody {
    fn end(&mut self) -> Option<Result<Bytes, Status>> {
        match self.scribe.end(self.messages.trailers()) {
            Ok(part) => {
                self.ended = true;
                self.log.code(Code::Ok);
                part.map(Ok)
            }
            Err(status) => Some(self.failure(status)),
        }
    }

    fn failure(&mut self, status: Status) -> Result<Bytes, Status> {
        self.ended = true;
        self.log.code(status.code());
        self.scribe.failure(status)
    }

    /// The next message that is written, as it is.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        loop {
            let polled = match self.first.take() {
                Some(first) => Poll::Ready(first),
                None => self.messages.poll_next(cx),
            };
            let part = polled.map(|next| next.map(|message| self.scribe.message(&message?)));
            match part {
                Poll::Ready(Some(Ok(part))) if part.is_empty() => {}
                part => return part,
            }
        }
    }

    /// What is due while no message is.
    fn poll_clocks(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Status>> {
        if self.deadline.poll_unpin(cx).is_ready() {
            return Poll::Ready(self.failure(too_late()));
        }
        if self.scribe.has_heartbeats() && self.heartbeat.poll_unpin(cx).is_ready() {
            self.rest();
            // Registers for the next one.
            _ = self.heartbeat.poll_unpin(cx);
            return Poll::Ready(Ok(Bytes::from_static(b":\n\n")));
        }
        Poll::Pending
    }

    fn rest(&mut self) {
        let next = Instant::now() + self.silence;
        self.heartbeat.as_mut().reset(next);
    }
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let Some(status) = this.broken.take() {
            this.ended = true;
            return Poll::Ready(Some(Err(status)));
        }
        if this.ended {
            return Poll::Ready(None);
        }
        let _within = this.log.span().clone().entered();
        let polled =
            caught(|| this.poll_part(cx)).unwrap_or_else(|status| Poll::Ready(Some(Err(status))));
        let part = match polled {
            Poll::Ready(Some(Ok(part))) => {
                this.rest();
                Ok(part)
            }
            Poll::Ready(Some(Err(status))) => this.failure(status),
            Poll::Ready(None) => match this.end() {
                Some(part) => part,
                None => return Poll::Ready(None),
            },
            Poll::Pending => match this.poll_clocks(cx) {
                Poll::Ready(part) => part,
                Poll::Pending => return Poll::Pending,
            },
        };
        match part {
            Ok(part) => Poll::Ready(Some(Ok(Frame::data(part)))),
            Err(status) => {
                // The server flushes what it has when nothing is ready, and drops it when a body fails.
                this.broken = Some(status);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.broken.is_none()
    }
}
