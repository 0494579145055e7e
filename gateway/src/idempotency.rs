//! `Idempotency-Key`: the header that many clients set by themselves, and what it is in a contract: a `request_id`.

use http::{HeaderMap, HeaderValue};
use tonic::Status;

use crate::media;
use crate::refusal::invalid;
use crate::transcode::Plan;

/// The header.
const HEADER: &str = "idempotency-key";
/// As long as contracts allow a `request_id` to be.
const MAX_LEN: usize = 64;

/// The key that a client sent for a request that takes one. It may stand in quotes, as the draft of the IETF has it, or
/// without them, as most send it.
///
/// # Errors
/// It is no key that a service could keep.
pub(crate) fn key<'h>(plan: &Plan, headers: &'h HeaderMap) -> Result<Option<&'h str>, Status> {
    match headers.get(HEADER) {
        Some(value) if plan.request_id.is_some() => text(value).map(Some),
        _ => Ok(None),
    }
}

fn text(value: &HeaderValue) -> Result<&str, Status> {
    let key = value.to_str().ok().map(media::bare);
    match key.filter(|key| (1..=MAX_LEN).contains(&key.len())) {
        Some(key) => Ok(key),
        None => Err(invalid(format!(
            "the header {HEADER} must have 1 to {MAX_LEN} characters of ASCII: send a UUID"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &'static [u8]) -> Option<String> {
        let value = HeaderValue::from_bytes(value).unwrap();
        text(&value).ok().map(str::to_owned)
    }

    #[test]
    fn a_key_is_what_stands_within_quotes_if_there_are_any() {
        assert_eq!(read(b"a-1").as_deref(), Some("a-1"));
        assert_eq!(read(b"\"a-1\"").as_deref(), Some("a-1"));
        assert_eq!(read(b"\"").as_deref(), Some("\""));
    }

    #[test]
    fn refuses_what_is_empty_too_long_or_not_text() {
        for value in [&b""[..], b"\"\"", &[b'a'; 65], b"\xe4"] {
            assert_eq!(read(value), None, "{value:?}");
        }
        assert_eq!(read(&[b'a'; 64]).unwrap().len(), 64);
    }
}
