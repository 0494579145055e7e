//! `If-Match`, by RFC 9110 section 13.1.1: which state of a resource a client wants to change. In a contract it is an `etag`.

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use tonic::Status;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;

use crate::media;
use crate::refusal::{Refusal, invalid};
use crate::transcode::Plan;
use crate::unchanged::opaque;

/// The `etag` that the resource of a request must still have.
///
/// # Errors
/// The header is no `etag`, or none that the method could hold the resource to.
pub(crate) fn etag<'h>(
    plan: &Plan,
    reads: bool,
    headers: &'h HeaderMap,
) -> Result<Option<&'h str>, Status> {
    let value = headers.get(header::IF_MATCH).filter(|_| !reads);
    let Some(value) = value.filter(|value| *value != "*") else {
        return Ok(None);
    };
    match (plan.precondition, text(value)) {
        (Some(_), tag) => tag.map(Some),
        // Nobody is to believe that it holds.
        (None, Ok(_)) => Err(invalid(
            "the header if-match can't be heeded here: leave it out, and say the etag in the message if it has one",
        )),
        // It is no tag of anybody's.
        (None, Err(_)) => Ok(None),
    }
}

/// The refusal as HTTP has it: what the client's header said doesn't hold.
pub(crate) fn refused(refusal: Refusal, is_conditional: bool) -> Refusal {
    match reason_of(&refusal.status) {
        Some(Reason::EtagMismatch) if is_conditional => {
            refusal.under(StatusCode::PRECONDITION_FAILED)
        }
        _ => refusal,
    }
}

/// Sets the header `etag` of an answer, if it has none. What can't stand in one is left out.
pub(crate) fn show(etag: &[u8], headers: &mut HeaderMap) {
    let is_opaque = |byte: &u8| byte.is_ascii_graphic() && *byte != b'"';
    if etag.is_empty() || !etag.iter().all(is_opaque) || headers.contains_key(header::ETAG) {
        return;
    }
    let quoted = [b"\"", etag, b"\""].concat();
    if let Ok(value) = HeaderValue::from_bytes(&quoted) {
        headers.insert(header::ETAG, value);
    }
}

/// A tag without its quotes, which many clients leave out. A weak one is what a strong one becomes that is compressed.
fn text(value: &HeaderValue) -> Result<&str, Status> {
    let tag = value.to_str().unwrap_or_default().trim();
    let tag = media::bare(opaque(tag));
    match tag.is_empty() || tag.contains('"') || media::split(tag, ',').nth(1).is_some() {
        false => Ok(tag),
        true => Err(invalid(
            "the header if-match must have one etag, as an answer had it",
        )),
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
    fn a_tag_is_what_stands_within_its_quotes() {
        for value in [&b"\"a1\""[..], b"W/\"a1\"", b"a1"] {
            assert_eq!(read(value).as_deref(), Some("a1"), "{value:?}");
        }
        for value in [
            &b""[..],
            b"\"\"",
            b"\"",
            b"\"a\", \"b\"",
            b"a, b",
            b"\xc3\xa9",
        ] {
            assert_eq!(read(value), None, "{value:?}");
        }
    }

    #[test]
    fn shows_what_can_stand_in_a_header() {
        let shown = |etag: &[u8]| {
            let mut headers = HeaderMap::new();
            show(etag, &mut headers);
            headers.get(header::ETAG).cloned()
        };
        assert_eq!(shown(b"a1").unwrap(), "\"a1\"");
        for etag in [&b""[..], b"a b", b"a\"b", b"\xc3\xa9", b"a\n"] {
            assert_eq!(shown(etag), None, "{etag:?}");
        }
    }

    #[test]
    fn what_a_service_says_itself_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, HeaderValue::from_static("\"own\""));
        show(b"a1", &mut headers);
        assert_eq!(headers[header::ETAG], "\"own\"");
    }
}
