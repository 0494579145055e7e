//! Deadlines as both ends of a call keep them: how a request asks for one, and what a call ends with that passes it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::time::{Instant, Sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use troupe_proto::{Reason, error};

/// What a call ends with that took too long.
pub fn exceeded() -> Status {
    let message = "the call took longer than its deadline allows";
    error::status(Code::DeadlineExceeded, Reason::DeadlineExceeded, message)
}

/// gRPC's header for the time that is left.
pub const GRPC_TIMEOUT: &str = "grpc-timeout";

/// The time that a request asks for, if it asks well.
pub fn asked_timeout(headers: &HeaderMap) -> Option<Duration> {
    parse_timeout(headers.get(GRPC_TIMEOUT)?.to_str().ok()?)
}

/// A time as [`GRPC_TIMEOUT`] has it: at most eight digits and a unit.
pub fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

pin_project_lite::pin_project! {
    /// A body that ends with DEADLINE_EXCEEDED when time is up.
    pub struct TimedBody {
        at: Instant,
        #[pin]
        sleep: Sleep,
        body: Option<Body>,
    }
}

impl TimedBody {
    /// Ends `body` at a time.
    pub fn new(body: Body, at: Instant) -> Self {
        Self {
            at,
            sleep: tokio::time::sleep_until(at),
            body: Some(body),
        }
    }
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.project();
        let Some(body) = this.body else {
            return Poll::Ready(None);
        };
        // A stream that always has something ready would never let the timer be asked.
        let is_late = *this.at <= Instant::now();
        if !is_late {
            if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
                return Poll::Ready(frame);
            }
            if this.sleep.poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        *this.body = None;
        let mut trailers = HeaderMap::new();
        let written = exceeded().add_header(&mut trailers);
        Poll::Ready(Some(written.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body
            .as_ref()
            .is_none_or(http_body::Body::is_end_stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout_of(text: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", http::HeaderValue::from_static(text));
        asked_timeout(&headers)
    }

    #[test]
    fn reads_timeouts_as_grpc_writes_them() {
        assert_eq!(timeout_of("2S"), Some(Duration::from_secs(2)));
        assert_eq!(
            timeout_of("99999999m"),
            Some(Duration::from_millis(99_999_999))
        );
        assert_eq!(timeout_of("5n"), Some(Duration::from_nanos(5)));
        for bad in ["", "S", "2", "-2S", "123456789S", "2 S", "2s"] {
            assert_eq!(timeout_of(bad), None, "{bad}");
        }
    }
}
