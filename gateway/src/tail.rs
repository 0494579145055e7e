//! The body of a gRPC answer on its way through: ends at the deadline, and always with a status.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderValue};
use http_body::{Body as _, Frame, SizeHint};
use mesh::body::{Filter, Polled};
use tokio::time::Sleep;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::catalog::Method;
use crate::explained::explained;
use crate::guard::caught;
use crate::headers::keep_metadata;
use crate::messages::broken_answer;
use crate::refusal::too_late;
use crate::visit::AccessLog;
use crate::web::BrokenText;

/// The filter of the body.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) method: Arc<Method>,
    pub(crate) deadline: Pin<Box<Sleep>>,
    pub(crate) log: AccessLog,
    pub(crate) broken: BrokenText,
    /// Which request it is, for a refusal at the end.
    pub(crate) request_id: HeaderValue,
}

impl Tail {
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
        if status.code() != Code::Ok {
            return self.end(&status);
        }
        self.log.code(status.code());
        trailers
    }

    /// The end of an answer that failed, unless what the client sent is why.
    fn fail(&mut self, status: impl FnOnce(&Self) -> Status) -> Frame<Bytes> {
        let status = self.broken.status().unwrap_or_else(|| status(self));
        self.end(&status)
    }

    fn end(&mut self, status: &Status) -> Frame<Bytes> {
        self.log.code(status.code());
        let status = explained(status, &self.request_id);
        let mut trailers = HeaderMap::new();
        if status.add_header(&mut trailers).is_err() {
            trailers.insert("grpc-status", HeaderValue::from(Code::Internal as i32));
        }
        Frame::trailers(trailers)
    }
}

impl Filter<Body> for Tail {
    fn poll_frame(self: Pin<&mut Self>, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        let this = self.get_mut();
        let _within = this.log.span().clone().entered();
        let polled = match caught(|| body.poll_frame(cx)) {
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

    /// There are trailers to come, also where the service has none.
    fn is_end_stream(&self, _: &Body) -> bool {
        false
    }

    fn size_hint(&self, _: &Body) -> SizeHint {
        SizeHint::default()
    }
}
