//! How a request of HTTP/1.1 says where its body ends (RFC 9112 section 6). The server reads a body whose last coding is `chunked`
//! as if it had no other, and refuses by itself what ends in another. Where a length stands beside the coding, it takes no notice of
//! the length, and answers nothing more on the connection.

use http::StatusCode;
use http::header::{HeaderMap, TRANSFER_ENCODING};

use crate::refusal::{Refusal, invalid};

const CHUNKED: &str = "chunked";

/// Refuses a body that has another coding than `chunked`, or that one twice.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    let values = headers.get_all(TRANSFER_ENCODING).iter();
    let codings = values.flat_map(|value| value.to_str().unwrap_or("unreadable").split(','));
    let codings = codings.map(str::trim).filter(|coding| !coding.is_empty());
    let (mut chunked, mut others) = (0, 0);
    for coding in codings {
        match coding.eq_ignore_ascii_case(CHUNKED) {
            true => chunked += 1,
            false => others += 1,
        }
    }
    if chunked > 1 {
        return Err(invalid("the body of the request is chunked more than once").into());
    }
    if others > 0 {
        let message = "the header transfer-encoding names a coding that isn't understood here: send chunked alone";
        return Err(Refusal::from(invalid(message)).under(StatusCode::NOT_IMPLEMENTED));
    }
    Ok(())
}
