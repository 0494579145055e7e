//! A body that keeps something for as long as it is there.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

struct Attached<T> {
    body: Body,
    _kept: T,
}

/// The same body, which drops `kept` when it is dropped itself.
pub(crate) fn attached<T: Send + Unpin + 'static>(body: Body, kept: T) -> Body {
    Body::new(Attached { body, _kept: kept })
}

impl<T: Unpin> http_body::Body for Attached<T> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
