//! Requests of HTTP/1.1 that are answered before they are here: the server then closes their connection, and the answer says so. Without
//! that, the client sends its next request on it, and never learns what became of it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, Version};
use http_body::{Body as _, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// Whether a request has been read to its end; none where that doesn't matter.
#[derive(Debug)]
pub(crate) struct Reading(Option<Arc<AtomicBool>>);

impl Reading {
    /// The same request, watched.
    pub(crate) fn of(request: Request<Body>) -> (Request<Body>, Self) {
        if request.version() >= Version::HTTP_2 || request.body().is_end_stream() {
            return (request, Self(None));
        }
        let has_ended = Arc::new(AtomicBool::new(false));
        let watched = |inner| {
            Body::new(Watched {
                inner,
                has_ended: Arc::clone(&has_ended),
            })
        };
        (request.map(watched), Self(Some(has_ended)))
    }

    /// Says in the answer that its connection ends, if the request wasn't read.
    pub(crate) fn say(&self, answer: &mut Response<Body>) {
        if let Self(Some(has_ended)) = self
            && !has_ended.load(Ordering::Acquire)
        {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
    }
}

/// A body that notes its end.
#[derive(Debug)]
struct Watched {
    inner: Body,
    has_ended: Arc<AtomicBool>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if frame.is_none() || self.inner.is_end_stream() {
            self.has_ended.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
