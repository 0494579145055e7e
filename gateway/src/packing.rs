//! Compresses answers in JSON where that pays, by what the client accepts.
//!
//! What compresses two texts together tells by its length how alike they are: who chooses one of them and sees many answers may
//! guess the other (BREACH). So an answer is compressed only if its method reads, and isn't one of those that take or hand out
//! secrets, whose budget is that of credentials (ADR 15). Streams and pictures never are.

mod coding;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;
use troupe_proto::policy::RateClass;

use crate::catalog::Method;
use crate::media;

pub(crate) use self::coding::Coding;

/// What fits into one packet with its headers isn't there sooner when it is smaller.
const LEAST_BYTES: usize = 1_200;

/// The answer of a method to a client that accepts what `accepts` says, with one message in it.
pub(crate) async fn packed(
    method: &Method,
    accepts: &HeaderMap,
    answer: Response<Bytes>,
) -> Response<Body> {
    let (mut head, content) = answer.into_parts();
    let may = may(method.reads, method.policy.rate_class);
    if !may || head.status != StatusCode::OK || !pays(&head.headers, content.len()) {
        return whole(Response::from_parts(head, content));
    }
    vary(&mut head.headers);
    let smaller = match Coding::accepted(accepts) {
        Some(coding) => coding.packed(&content).await.zip(Some(coding)),
        None => None,
    };
    let content = match smaller {
        Some((packed, coding)) => {
            label(&mut head.headers, coding);
            packed
        }
        None => content,
    };
    whole(Response::from_parts(head, content))
}

/// An answer as it is.
pub(crate) fn whole(answer: Response<Bytes>) -> Response<Body> {
    answer.map(|content| Body::new(Full::new(content)))
}

/// Says that another client may get another form of an answer.
pub(crate) fn vary(headers: &mut HeaderMap) {
    let value = HeaderValue::from_static("accept-encoding");
    headers.append(header::VARY, value);
}

/// Says how an answer is compressed.
pub(crate) fn label(headers: &mut HeaderMap, coding: Coding) {
    let value = HeaderValue::from_static(coding.name());
    headers.insert(header::CONTENT_ENCODING, value);
    // A strong one is of these bytes and no others.
    let strong = headers.get(header::ETAG);
    let strong = strong.filter(|it| it.as_bytes().starts_with(b"\""));
    let weak = strong.map(|it| [&b"W/"[..], it.as_bytes()].concat());
    if let Some(Ok(weak)) = weak.map(|it| HeaderValue::from_bytes(&it)) {
        headers.insert(header::ETAG, weak);
    }
}

/// Whether nobody learns a secret from the length of a method's answers.
fn may(reads: bool, class: RateClass) -> bool {
    reads && class != RateClass::Credentials
}

fn pays(headers: &HeaderMap, len: usize) -> bool {
    let kind = media::text(headers.get(header::CONTENT_TYPE));
    let control = headers.get_all(header::CACHE_CONTROL).iter();
    let mut directives = control.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    len >= LEAST_BYTES
        && media::essence(&kind).eq_ignore_ascii_case("application/json")
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !directives.any(|it| it.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_without_secrets_are_compressed() {
        assert!(may(true, RateClass::Read) && may(true, RateClass::Unspecified));
        assert!(!may(true, RateClass::Credentials));
        assert!(!may(false, RateClass::Write) && !may(false, RateClass::Credentials));
    }

    #[test]
    fn long_json_pays_unless_its_service_forbids_it() {
        let pays = |kind: &'static str, control: &'static str, len| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(kind));
            headers.insert("cache-control", HeaderValue::from_static(control));
            pays(&headers, len)
        };
        assert!(pays("application/json", "no-store", LEAST_BYTES));
        assert!(pays("Application/JSON; charset=utf-8", "", LEAST_BYTES));
        assert!(!pays("application/json", "", LEAST_BYTES - 1));
        assert!(!pays(
            "application/json",
            "private, No-Transform",
            LEAST_BYTES
        ));
        for kind in [
            "image/png",
            "image/webp",
            "text/event-stream",
            "",
            "application/jsonl",
        ] {
            assert!(!pays(kind, "", 1 << 20), "{kind}");
        }
    }

    #[test]
    fn a_strong_tag_is_weak_once_its_bytes_change() {
        for (etag, expected) in [("\"a\"", "W/\"a\""), ("W/\"a\"", "W/\"a\"")] {
            let mut headers = HeaderMap::new();
            headers.insert("etag", HeaderValue::from_static(etag));
            label(&mut headers, Coding::Zstd);
            assert_eq!(headers["etag"], expected);
            assert_eq!(headers["content-encoding"], "zstd");
        }
    }
}
