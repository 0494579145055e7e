//! Bodies whose frames something watches, replaces or cuts off on their way to the reader.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tonic::Status;

/// What a body gives when it is asked for its next frame.
pub type Polled = Poll<Option<Result<Frame<Bytes>, Status>>>;

/// What stands between a body and its reader: the methods of a body, each with the body behind it.
pub trait Filter<B: Body> {
    /// The next frame for the reader. It is the last if it has the trailers, is an error or is none: then the body is dropped,
    /// and with it the work that it is read from.
    fn poll_frame(self: Pin<&mut Self>, body: Pin<&mut B>, cx: &mut Context<'_>) -> Polled;

    /// Whether the reader needn't ask for another frame.
    fn is_end_stream(&self, body: &B) -> bool {
        body.is_end_stream()
    }

    /// How many bytes the reader still gets.
    fn size_hint(&self, body: &B) -> SizeHint {
        body.size_hint()
    }
}

pin_project_lite::pin_project! {
    /// A body behind a filter.
    #[derive(Debug)]
    pub struct Filtered<B, F> {
        // Absent once the last frame was given.
        body: Option<B>,
        #[pin]
        filter: F,
    }
}

impl<B, F> Filtered<B, F> {
    /// Puts a filter before a body.
    pub fn new(body: B, filter: F) -> Self {
        Self {
            body: Some(body),
            filter,
        }
    }
}

impl<B, F> Body for Filtered<B, F>
where
    B: Body + Unpin,
    F: Filter<B>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = self.project();
        let Some(body) = this.body else {
            return Poll::Ready(None);
        };
        let polled = this.filter.poll_frame(Pin::new(body), cx);
        if is_last(&polled) {
            *this.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let body = self.body.as_ref();
        body.is_none_or(|body| self.filter.is_end_stream(body))
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(SizeHint::default, |body| self.filter.size_hint(body))
    }
}

fn is_last(polled: &Polled) -> bool {
    match polled {
        Poll::Ready(Some(Ok(frame))) => frame.is_trailers(),
        Poll::Ready(_) => true,
        Poll::Pending => false,
    }
}

/// The last frame of an answer that ends with a status.
pub(crate) fn trailers(status: &Status) -> Polled {
    let mut trailers = HeaderMap::new();
    let written = status.add_header(&mut trailers);
    Poll::Ready(Some(written.map(|()| Frame::trailers(trailers))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::StreamExt;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    struct Passes;

    impl<B: Body<Data = Bytes, Error = Status>> Filter<B> for Passes {
        fn poll_frame(self: Pin<&mut Self>, body: Pin<&mut B>, cx: &mut Context<'_>) -> Polled {
            body.poll_frame(cx)
        }
    }

    #[tokio::test]
    async fn a_body_is_dropped_with_its_last_frame() {
        let data = || Ok(Frame::data(Bytes::from("a")));
        let trailers = || Ok(Frame::trailers(HeaderMap::new()));
        let broken = || Err(Status::internal("broken"));
        for frames in [
            vec![data(), trailers(), data()],
            vec![data(), broken(), data()],
            vec![data()],
        ] {
            let work = Arc::new(());
            let worked = Arc::clone(&work);
            let frames = futures::stream::iter(frames).inspect(move |_| _ = &worked);
            let mut body = Filtered::new(StreamBody::new(frames), Passes);
            assert!(body.frame().await.unwrap().unwrap().is_data());
            assert_eq!(Arc::strong_count(&work), 2);
            let _last = body.frame().await;
            assert_eq!(Arc::strong_count(&work), 1);
            assert!(body.is_end_stream());
            assert!(body.frame().await.is_none());
        }
    }
}
