//! How long a call may take: the shortest of the contract's limit and what the client asks for.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

/// gRPC's header for the time that is left.
pub(crate) const GRPC_TIMEOUT: &str = "grpc-timeout";
/// The header by which clients of the JSON form ask for a limit, in seconds.
pub(crate) const SERVER_TIMEOUT: &str = "x-server-timeout";

/// A header that holds no time; the name of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidTimeout(pub(crate) &'static str);

/// The time that a call may take.
pub(crate) fn of_call(headers: &HeaderMap, limit: Duration) -> Result<Duration, InvalidTimeout> {
    let mut shortest = limit;
    if let Some(value) = headers.get(GRPC_TIMEOUT) {
        let asked = value
            .to_str()
            .ok()
            .and_then(parse_grpc)
            .ok_or(InvalidTimeout(GRPC_TIMEOUT))?;
        shortest = shortest.min(asked);
    }
    if let Some(value) = headers.get(SERVER_TIMEOUT) {
        let asked = value
            .to_str()
            .ok()
            .and_then(|text| text.parse::<f64>().ok());
        let asked = asked
            .filter(|secs| *secs >= 0.0)
            .ok_or(InvalidTimeout(SERVER_TIMEOUT))?;
        shortest = shortest.min(Duration::try_from_secs_f64(asked).unwrap_or(Duration::MAX));
    }
    Ok(shortest)
}

/// The header's form of a time.
pub(crate) fn to_grpc(left: Duration) -> HeaderValue {
    let millis = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
    match millis {
        0..=99_999_999 => HeaderValue::try_from(format!("{millis}m")),
        _ => HeaderValue::try_from(format!("{}S", millis / 1000)),
    }
    .unwrap_or(HeaderValue::from_static("1S"))
}

fn parse_grpc(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let well_formed =
        (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let amount: u64 = digits.parse().ok().filter(|_| well_formed)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &'static str, value: &'static str) -> Result<Duration, InvalidTimeout> {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )]);
        of_call(&headers, Duration::from_secs(60))
    }

    #[test]
    fn the_shortest_limit_holds() {
        assert_eq!(asked(GRPC_TIMEOUT, "2S"), Ok(Duration::from_secs(2)));
        assert_eq!(asked(GRPC_TIMEOUT, "5H"), Ok(Duration::from_secs(60)));
        assert_eq!(
            asked(GRPC_TIMEOUT, "1500m"),
            Ok(Duration::from_millis(1500))
        );
        assert_eq!(
            asked(SERVER_TIMEOUT, "0.25"),
            Ok(Duration::from_millis(250))
        );
        assert_eq!(asked("x-other", "1"), Ok(Duration::from_secs(60)));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for value in ["", "2", "S", "2s", "-1S", "+1S", "123456789S", "1.5S"] {
            assert_eq!(
                asked(GRPC_TIMEOUT, value),
                Err(InvalidTimeout(GRPC_TIMEOUT)),
                "{value}"
            );
        }
        for value in ["", "-1", "NaN", "soon"] {
            assert_eq!(
                asked(SERVER_TIMEOUT, value),
                Err(InvalidTimeout(SERVER_TIMEOUT)),
                "{value}"
            );
        }
    }

    #[test]
    fn written_times_are_read_back() {
        for millis in [0, 1, 1500, 99_999_999] {
            let left = Duration::from_millis(millis);
            assert_eq!(parse_grpc(to_grpc(left).to_str().unwrap()), Some(left));
        }
    }
}
