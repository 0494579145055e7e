//! How long a call may take: the shortest of the contract's limit and what the client asks for.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use mesh::deadline::{GRPC_TIMEOUT, parse_timeout};
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use crate::refusal::{invalid, too_late};

/// The header by which clients of the JSON form ask for a limit, in seconds.
pub(crate) const SERVER_TIMEOUT: &str = "x-server-timeout";

/// The header by which clients of Connect ask for a limit, in milliseconds.
pub(crate) const CONNECT_TIMEOUT: &str = "connect-timeout-ms";

/// The time that a call may take: what the client asks for begins with its request, what the contract allows once all of the
/// request is here. How long that may take is a matter of its size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    allowed: Duration,
    asked: Option<Instant>,
}

impl Times {
    /// Of a call that the contract allows a time.
    pub(crate) fn of_call(headers: &HeaderMap, allowed: Duration) -> Result<Self, Status> {
        // What can't be counted is no bound.
        let asked = asked(headers)?.and_then(|asked| Instant::now().checked_add(asked));
        Ok(Self { allowed, asked })
    }

    /// Waits for the rest of a request for as long as the client wants to wait.
    pub(crate) async fn until_here<T>(&self, body: impl Future<Output = T>) -> Result<T, Status> {
        match self.asked {
            Some(asked) => timeout_at(asked, body).await.map_err(|_| too_late()),
            None => Ok(body.await),
        }
    }

    /// When a call ends whose request is here now.
    pub(crate) fn deadline(&self) -> Instant {
        let allowed = Instant::now() + self.allowed;
        self.asked.map_or(allowed, |asked| asked.min(allowed))
    }
}

/// The shortest time that a client asks for.
fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let by_grpc = asked_in(headers, GRPC_TIMEOUT, parse_timeout)?;
    let by_json = asked_in(headers, SERVER_TIMEOUT, parse_seconds)?;
    let by_connect = asked_in(headers, CONNECT_TIMEOUT, parse_millis)?;
    Ok([by_grpc, by_json, by_connect].into_iter().flatten().min())
}

/// The time in a header.
fn asked_in(
    headers: &HeaderMap,
    name: &str,
    parse: fn(&str) -> Option<Duration>,
) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let time = value.to_str().ok().and_then(parse);
    let time = time.ok_or_else(|| invalid(format!("the header {name} holds no time")))?;
    Ok(Some(time))
}

fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds = text.parse::<f64>().ok().filter(|secs| *secs >= 0.0)?;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// At most ten digits, and no sign: a plus would be no less wrong than a minus.
fn parse_millis(text: &str) -> Option<Duration> {
    let is_number = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| is_number)
        .map(Duration::from_millis)
}

/// The header's form of the time that is left.
pub(crate) fn left(deadline: Instant) -> HeaderValue {
    to_grpc(deadline.saturating_duration_since(Instant::now()))
}

fn to_grpc(left: Duration) -> HeaderValue {
    let millis = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
    match millis {
        0..=99_999_999 => HeaderValue::try_from(format!("{millis}m")),
        _ => HeaderValue::try_from(format!("{}S", millis / 1000)),
    }
    .unwrap_or(HeaderValue::from_static("1S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time that a header asks for, or what is said against it.
    fn asked(name: &'static str, value: &'static str) -> Result<Option<Duration>, String> {
        asked_by([(name, value)])
    }

    fn asked_by<const N: usize>(
        headers: [(&'static str, &'static str); N],
    ) -> Result<Option<Duration>, String> {
        let headers = headers.map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        super::asked(&HeaderMap::from_iter(headers)).map_err(|status| status.message().to_owned())
    }

    #[test]
    fn reads_the_times_that_clients_ask_for() {
        let millis = |millis| Ok(Some(Duration::from_millis(millis)));
        assert_eq!(asked(GRPC_TIMEOUT, "2S"), millis(2_000));
        assert_eq!(asked(GRPC_TIMEOUT, "1500m"), millis(1_500));
        assert_eq!(asked(SERVER_TIMEOUT, "0.25"), millis(250));
        assert_eq!(asked(CONNECT_TIMEOUT, "0250"), millis(250));
        assert_eq!(asked(CONNECT_TIMEOUT, "9999999999"), millis(9_999_999_999));
        assert_eq!(asked("x-other", "1"), Ok(None));
        let both = [(GRPC_TIMEOUT, "2S"), (SERVER_TIMEOUT, "3")];
        assert_eq!(asked_by(both), millis(2_000));
    }

    #[tokio::test(start_paused = true)]
    async fn the_shortest_limit_holds_and_the_contracts_begins_once_all_is_here() {
        let asking = |secs: &'static str| {
            let value = HeaderValue::from_static(secs);
            let name = http::HeaderName::from_static(SERVER_TIMEOUT);
            Times::of_call(
                &HeaderMap::from_iter([(name, value)]),
                Duration::from_secs(10),
            )
            .unwrap()
        };
        let (started, secs) = (Instant::now(), Duration::from_secs);
        let (short, long, endless) = (asking("3"), asking("12"), asking("1e300"));
        let slow = |length| tokio::time::sleep(secs(length));
        assert!(short.until_here(slow(4)).await.is_err());
        assert!(long.until_here(slow(2)).await.is_ok());
        assert!(endless.until_here(slow(0)).await.is_ok());
        assert_eq!(long.deadline(), started + secs(12));
        assert_eq!(endless.deadline(), Instant::now() + secs(10));
    }

    #[test]
    fn refuses_what_is_no_time() {
        let refused = |name| Err(format!("the header {name} holds no time"));
        for value in ["", "2", "S", "2s", "-1S", "+1S", "123456789S", "1.5S"] {
            assert_eq!(asked(GRPC_TIMEOUT, value), refused(GRPC_TIMEOUT), "{value}");
        }
        for value in [
            "",
            "-1",
            "+1",
            "-0",
            "1.5",
            "1e3",
            "0x1",
            " 1",
            "10s",
            "12345678901",
        ] {
            assert_eq!(
                asked(CONNECT_TIMEOUT, value),
                refused(CONNECT_TIMEOUT),
                "{value}"
            );
        }
        for value in ["", "-1", "NaN", "soon"] {
            assert_eq!(
                asked(SERVER_TIMEOUT, value),
                refused(SERVER_TIMEOUT),
                "{value}"
            );
        }
    }

    #[test]
    fn written_times_are_read_back() {
        for millis in [0, 1, 1500, 99_999_999] {
            let left = Duration::from_millis(millis);
            assert_eq!(parse_timeout(to_grpc(left).to_str().unwrap()), Some(left));
        }
    }
}
