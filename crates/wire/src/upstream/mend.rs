//! Corrects what servers of other makers write into the headers of a status, so that every reader accepts it. Some readers
//! panic on a broken one, or lose the rest of it.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};
use tonic::Code;

const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";
/// What a message has encoded, by the protocol.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Mends the status in the headers or the trailers of an answer. Details that can't be read are left out, and a code that is
/// none is UNKNOWN.
pub(super) fn status(headers: &mut HeaderMap) {
    if !headers.contains_key(STATUS) {
        return;
    }
    code(headers);
    message(headers);
    details(headers);
}

fn code(headers: &mut HeaderMap) {
    let mut sent = headers.get_all(STATUS).iter();
    let Some(first) = sent.next() else { return };
    let is_one = sent.all(|other| other == first);
    let code = match is_one {
        true => Code::from_bytes(first.as_bytes().trim_ascii()),
        // Which of them is meant nobody knows; none may pass for success.
        false => Code::Unknown,
    };
    let is_plain = first.as_bytes() == (code as i32).to_string().as_bytes();
    if !(is_plain && is_one && headers.get_all(STATUS).iter().nth(1).is_none()) {
        headers.insert(STATUS, HeaderValue::from(code as i32));
    }
}

fn message(headers: &mut HeaderMap) {
    let Some(sent) = headers.get(MESSAGE) else {
        return;
    };
    let is_plain =
        sent.as_bytes().is_ascii() && percent_decode(sent.as_bytes()).decode_utf8().is_ok();
    if is_plain {
        return;
    }
    let text = percent_decode(sent.as_bytes()).decode_utf8_lossy();
    let encoded = Cow::from(utf8_percent_encode(&text, ENCODED));
    match HeaderValue::from_str(&encoded) {
        Ok(mended) => _ = headers.insert(MESSAGE, mended),
        Err(_) => _ = headers.remove(MESSAGE),
    }
}

fn details(headers: &mut HeaderMap) {
    let mut sent = headers.get_all(DETAILS).iter();
    let Some(first) = sent.next() else { return };
    if sent.next().is_some() || BASE64.decode(first.as_bytes()).is_err() {
        headers.remove(DETAILS);
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;

    fn mended(sent: &[(&'static str, &[u8])]) -> Status {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        status(&mut headers);
        assert!(headers.values().all(|value| value.to_str().is_ok()));
        Status::from_header_map(&headers).unwrap()
    }

    #[test]
    fn a_code_that_is_none_is_unknown() {
        for (code, expected) in [
            (&b"3"[..], Code::InvalidArgument),
            (b"0", Code::Ok),
            (b" 5 ", Code::NotFound),
            (b"abc", Code::Unknown),
            (b"", Code::Unknown),
            (b"-1", Code::Unknown),
            (b"17", Code::Unknown),
            (b"1024", Code::Unknown),
            (b"\xff", Code::Unknown),
        ] {
            assert_eq!(mended(&[(STATUS, code)]).code(), expected, "{code:?}");
        }
        assert_eq!(
            mended(&[(STATUS, b"5"), (STATUS, b"5")]).code(),
            Code::NotFound
        );
        assert_eq!(
            mended(&[(STATUS, b"0"), (STATUS, b"5")]).code(),
            Code::Unknown
        );
    }

    #[test]
    fn a_broken_message_keeps_its_code_and_what_can_be_read() {
        for (message, expected) in [
            (&b"100 %"[..], "100 %"),
            (b"100 %zz %", "100 %zz %"),
            (b"br%C3%B6ken", "bröken"),
            ("bröken".as_bytes(), "bröken"),
            (b"br\xf6ken", "br\u{fffd}ken"),
            (b"br%F6ken", "br\u{fffd}ken"),
        ] {
            let status = mended(&[(STATUS, b"3"), (MESSAGE, message)]);
            let seen = (status.code(), status.message());
            assert_eq!(seen, (Code::InvalidArgument, expected));
        }
    }

    #[test]
    fn details_are_left_out_where_they_are_no_base64() {
        for broken in [
            &b"!!!"[..],
            b"a",
            b"A===",
            b"AA=A",
            b"\xff",
            b"CAM,CAM",
            b"-_8",
        ] {
            let status = mended(&[(STATUS, b"3"), (DETAILS, broken)]);
            assert_eq!(
                (status.code(), status.details()),
                (Code::InvalidArgument, &[][..])
            );
        }
        for fine in [&b"CAM="[..], b"CAM"] {
            assert_eq!(mended(&[(STATUS, b"3"), (DETAILS, fine)]).details(), [8, 3]);
        }
        let twice = mended(&[(STATUS, b"3"), (DETAILS, b"CAM"), (DETAILS, b"CAM")]);
        assert!(twice.details().is_empty());
    }
}
