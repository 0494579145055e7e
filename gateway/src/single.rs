//! Headers that mean something only where they come once: who of two readers believes which is anybody's guess.

use http::HeaderMap;
use tonic::Status;

use crate::refusal::invalid;

/// Each of them decides something, here or in a service.
const SINGLE: [&str; 15] = [
    "authorization",
    "connect-content-encoding",
    "connect-protocol-version",
    "connect-timeout-ms",
    "content-length",
    "content-type",
    "grpc-encoding",
    "grpc-timeout",
    "host",
    "idempotency-key",
    "if-match",
    "last-event-id",
    "origin",
    "x-request-id",
    "x-server-timeout",
];

/// Refuses a request that has one of them twice.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Status> {
    // Nearly all requests have each of their headers once.
    if headers.len() == headers.keys_len() {
        return Ok(());
    }
    let comes_twice = |name: &&str| headers.get_all(*name).iter().nth(1).is_some();
    match SINGLE.into_iter().find(comes_twice) {
        None => Ok(()),
        Some(name) => {
            let message = format!("the header {name} comes more than once: send it once");
            Err(invalid(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_come_twice_does() {
        let mut headers = HeaderMap::new();
        for name in ["accept", "cookie", "x-forwarded-for", "x-mine"] {
            headers.append(name, "a".parse().unwrap());
            headers.append(name, "a".parse().unwrap());
        }
        assert!(check(&headers).is_ok());
        for name in SINGLE {
            let mut headers = headers.clone();
            headers.append(name, "a".parse().unwrap());
            assert!(check(&headers).is_ok());
            headers.append(name, "a".parse().unwrap());
            assert!(check(&headers).unwrap_err().message().contains(name));
        }
    }
}
