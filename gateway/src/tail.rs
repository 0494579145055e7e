//! The body of a gRPC answer on its way through: ends at the deadline, and always with a status.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::catalog::Method;
use crate::guard::caught;
use crate::headers::keep_metadata;
use crate::messages::broken_answer;
use crate::refusal::too_late;
use crate::visit::AccessLog;
use crate::web::BrokenText;

/// The body.
#[derive(Debug)]
pub(crate) struct Tail {
    method: Arc<Method>,
    inner: Body,
    deadline: Pin<Box<Sleep>>,
    log: AccessLog,
    broken: BrokenText,
    /// True once the trailers went out, or where they stood in the headers.
    ended: bool,
}

impl Tail {
    /// Wraps the body of an answer that has begun.
    pub(crate) fn new(
        method: Arc<Method>,
        inner: Body,
        deadline: Pin<Box<Sleep>>,
        log: AccessLog,
        broken: BrokenText,
    ) -> Self {
        Self {
            method,
            inner,
            deadline,
            log,
            broken,
            ended: false,
        }
    }

    /// The end of an answer, as its service has it.
    fn last(&mut self, trailers: Frame<Bytes>, status: Option<Status>) -> Frame<Bytes> {
        let Some(status) = status else {
            return self.fail(|_| broken_answer("ended without a status"));
        };
        if let Some(broken) = self.broken.status()
            && status.code() != Code::Ok
        {
            return self.end(&broken);
        }
        self.ended = true;
        self.log.code(status.code());
        trailers
    }

    /// The end of an answer that failed, unless what the client sent is why.
    fn fail(&mut self, status: impl FnOnce(&Self) -> Status) -> Frame<Bytes> {
        let status = self.broken.status().unwrap_or_else(|| status(self));
        self.end(&status)
    }

    fn end(&mut self, status: &Status) -> Frame<Bytes> {
        self.ended = true;
        self.log.code(status.code());
        let mut trailers = HeaderMap::new();
        if status.add_header(&mut trailers).is_err() {
            trailers.insert(
                "grpc-status",
                http::HeaderValue::from(Code::Internal as i32),
            );
        }
        Frame::trailers(trailers)
    }
}

impl http_body::Body for Tail {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let _within = this.log.span().clone().entered();
        let polled = match caught(|| Pin::new(&mut this.inner).poll_frame(cx)) {
            Ok(polled) => polled,
            Err(status) => return Poll::Ready(Some(Ok(this.end(&status)))),
        };
        let frame = match polled {
            Poll::Ready(Some(Ok(mut frame))) => match frame.trailers_mut() {
                None => frame,
                Some(trailers) => {
                    keep_metadata(trailers);
                    let status = Status::from_header_map(trailers);
                    this.last(frame, status)
                }
            },
            Poll::Ready(Some(Err(cause))) => this.fail(|this| this.method.unreachable(&cause)),
            Poll::Ready(None) => this.fail(|_| broken_answer("ended without a status")),
            Poll::Pending => match this.deadline.poll_unpin(cx) {
                Poll::Ready(()) => this.end(&too_late()),
                Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
