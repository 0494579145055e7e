//! A body that keeps something for as long as it is there.

use std::pin::Pin;
use std::task::Context;

use http_body::Body as _;
use mesh::body::{Filter, Filtered, Polled};
use tonic::body::Body;

struct Attached<T> {
    _kept: T,
}

/// The same body, which drops `kept` when it is dropped itself.
pub(crate) fn attached<T: Send + 'static>(body: Body, kept: T) -> Body {
    Body::new(Filtered::new(body, Attached { _kept: kept }))
}

impl<T> Filter<Body> for Attached<T> {
    fn poll_frame(self: Pin<&mut Self>, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        body.poll_frame(cx)
    }
}
