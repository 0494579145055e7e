//! `Last-Event-ID`: what a client that connects again got last, and what that is in a contract: an `offset`.

use http::HeaderMap;

/// The header, as `EventSource` sends it by itself.
const HEADER: &str = "last-event-id";
/// As long as the largest offset is.
const MAX_LEN: usize = 20;

/// The offset after the last event that a client got. An id that is no offset counts for nothing: `EventSource` gives up for
/// good where it is refused, and a stream from the beginning is what it expects of a server that doesn't know an id.
pub(crate) fn last_offset(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(HEADER)?.to_str().ok()?;
    let is_offset =
        (1..=MAX_LEN).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    is_offset.then_some(id)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn an_id_is_digits_or_nothing() {
        let read = |value: &'static [u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), value)]);
            last_offset(&headers).map(str::to_owned)
        };
        assert_eq!(last_offset(&HeaderMap::new()), None);
        assert_eq!(read(b"0").as_deref(), Some("0"));
        assert_eq!(read(b"18446744073709551615").unwrap().len(), MAX_LEN);
        for odd in [
            &b""[..],
            b"-1",
            b"+1",
            b"1.0",
            b"1e3",
            b"0x1",
            b"1 ",
            b"a",
            b"\xd9\xa1",
            b"018446744073709551615",
        ] {
            assert_eq!(read(odd), None, "{odd:?}");
        }
    }
}
