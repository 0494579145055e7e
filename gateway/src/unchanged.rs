//! Answers that a client has already: `if-none-match`, by RFC 9110 section 13.1.2.

use http::header::{self, HeaderMap};
use http::{Response, StatusCode};
use tonic::body::Body;

use crate::media;

/// What is said of the content of an answer, and not where it isn't sent.
const OF_CONTENT: [header::HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_DISPOSITION,
    header::X_CONTENT_TYPE_OPTIONS,
];

/// The answer to a read, without its content where the client has it by the `etag` of the answer.
pub(crate) fn spared(client: &HeaderMap, mut answer: Response<Body>) -> Response<Body> {
    if answer.status() != StatusCode::OK || !has(client, answer.headers()) {
        return answer;
    }
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    for name in OF_CONTENT {
        answer.headers_mut().remove(name);
    }
    answer.map(|_| Body::empty())
}

/// Whether a client has what an answer brings. A weak tag is as good as a strong one: it is the same to those who read it.
fn has(client: &HeaderMap, answer: &HeaderMap) -> bool {
    let Some(current) = answer.get(header::ETAG) else {
        return false;
    };
    let current = media::text(Some(current));
    let values = client.get_all(header::IF_NONE_MATCH).iter();
    values.map(|value| media::text(Some(value))).any(|value| {
        let mut tags = media::split(&value, ',').map(str::trim);
        tags.any(|tag| tag == "*" || (!tag.is_empty() && opaque(tag) == opaque(&current)))
    })
}

/// A tag, whether it is weak or strong.
pub(crate) fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(etag: Option<&str>, asked: &[&str]) -> u16 {
        let mut client = HeaderMap::new();
        for value in asked {
            client.append(header::IF_NONE_MATCH, value.parse().unwrap());
        }
        let mut answer = Response::builder().header("content-type", "image/png");
        answer = answer.header("cache-control", "private, no-cache");
        if let Some(etag) = etag {
            answer = answer.header("etag", etag);
        }
        let answer = spared(&client, answer.body(Body::empty()).unwrap());
        let is_spared = answer.status() == StatusCode::NOT_MODIFIED;
        assert_ne!(is_spared, answer.headers().contains_key("content-type"));
        assert!(answer.headers().contains_key("cache-control"));
        answer.status().as_u16()
    }

    #[test]
    fn a_client_gets_nothing_that_it_has() {
        for asked in [
            &["\"a\""][..],
            &["W/\"a\""],
            &["\"b\" , \"a\""],
            &["\"b\"", "\"a\""],
            &["*"],
            &["\"b, c\",\"a\""],
        ] {
            assert_eq!(status(Some("\"a\""), asked), 304, "{asked:?}");
            assert_eq!(status(Some("W/\"a\""), asked), 304, "{asked:?}");
            assert_eq!(status(None, asked), 200, "{asked:?}");
        }
        for asked in [
            &[][..],
            &["\"b\""],
            &["a"],
            &[""],
            &["\"x,\"a\"\""],
            &["w/\"a\""],
        ] {
            assert_eq!(status(Some("\"a\""), asked), 200, "{asked:?}");
        }
    }

    #[test]
    fn what_failed_is_told() {
        let mut client = HeaderMap::new();
        client.insert(header::IF_NONE_MATCH, "*".parse().unwrap());
        let answer = Response::builder().status(404).header("etag", "\"a\"");
        let answer = spared(&client, answer.body(Body::empty()).unwrap());
        assert_eq!(answer.status(), 404);
    }
}
