//! Deadlines as both ends of a call keep them: how a request asks for one, and what a call ends with that passes it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderMap;
use http_body::{Body as _, SizeHint};
use tokio::time::{Instant, Sleep};
use tonic::Status;
use tonic::body::Body;
use troupe_proto::{Reason, error};

use crate::body::{Filter, Filtered, Polled, trailers};

/// What a call ends with that took too long.
pub fn exceeded() -> Status {
    let message = "the call took longer than its deadline allows";
    error::status(Reason::DeadlineExceeded, message)
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

/// The same body, which ends with DEADLINE_EXCEEDED when time is up.
pub fn ends_at(at: Instant, body: Body) -> Body {
    let sleep = tokio::time::sleep_until(at);
    Body::new(Filtered::new(body, Until { at, sleep }))
}

pin_project_lite::pin_project! {
    struct Until {
        at: Instant,
        #[pin]
        sleep: Sleep,
    }
}

impl Filter<Body> for Until {
    fn poll_frame(self: Pin<&mut Self>, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        let this = self.project();
        // A stream that always has something ready would never let the timer be asked.
        let is_late = *this.at <= Instant::now();
        if !is_late {
            if let Poll::Ready(frame) = body.poll_frame(cx) {
                return Poll::Ready(frame);
            }
            if this.sleep.poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        trailers(&exceeded())
    }

    fn size_hint(&self, _: &Body) -> SizeHint {
        SizeHint::default()
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
