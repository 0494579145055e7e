//! A panic in a request costs that request: neither its connection nor the others on it.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use http_body::Body as _;
use mesh::body::{Filter, Filtered, Polled};
use tonic::Status;
use tonic::body::Body;
use troupe_proto::{Reason, error};

/// What `poll` gives, or what to tell the client where it panics. Whatever it left behind must not be used again.
pub(crate) fn caught<T>(poll: impl FnOnce() -> T) -> Result<T, Status> {
    catch_unwind(AssertUnwindSafe(poll)).map_err(panicked)
}

/// Like [`caught`], to the end of a future.
pub(crate) async fn caught_within<F: Future>(work: F) -> Result<F::Output, Status> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(panicked)
}

/// The panic's own words went to the log from where it happened; this line has the request's id.
fn panicked(_panic: Box<dyn Any + Send>) -> Status {
    tracing::error!("a request panicked");
    error::status(Reason::Internal, error::UNEXPLAINED)
}

/// The same body, which breaks off where it panics.
pub(crate) fn guarded(body: Body) -> Body {
    Body::new(Filtered::new(body, Guard))
}

struct Guard;

impl Filter<Body> for Guard {
    fn poll_frame(self: Pin<&mut Self>, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        caught(|| body.poll_frame(cx)).unwrap_or_else(|status| Poll::Ready(Some(Err(status))))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::BodyExt;
    use tonic::Code;

    use super::*;

    struct Panics;

    impl http_body::Body for Panics {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            panic!("a test's panic")
        }
    }

    #[tokio::test]
    async fn a_body_that_panics_breaks_off_and_is_over() {
        let mut body = guarded(Body::new(Panics));
        let broken = body.frame().await.unwrap().unwrap_err();
        assert_eq!(broken.code(), Code::Internal);
        assert!(body.frame().await.is_none());
        assert!(http_body::Body::is_end_stream(&body));
    }

    #[tokio::test]
    async fn work_that_panics_has_a_status() {
        let work = async {
            if std::hint::black_box(true) {
                panic!("a test's panic");
            }
        };
        let status = caught_within(work).await;
        assert_eq!(status.unwrap_err().code(), Code::Internal);
    }
}
