//! Which headers pass the gateway, in either direction.

use base64::Engine;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::media;

/// True for headers that concern one connection, or that the other side sets for itself.
fn is_of_the_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "te"
            | "trailer"
            | "trailers"
            | "transfer-encoding"
            | "upgrade"
            | "host"
            | "http2-settings"
    ) || name.starts_with("proxy-")
}

/// True for headers by which a client could pretend to be somebody or somewhere else.
fn claims_identity(name: &str) -> bool {
    name.starts_with("x-troupe-")
        || name.starts_with("x-user-")
        || name.starts_with("x-auth-")
        || name.starts_with("x-forwarded-")
        || matches!(
            name,
            "x-user"
                | "x-email"
                | "x-role"
                | "x-roles"
                | "x-tenant-id"
                | "x-account-id"
                | "x-admin"
                | "x-real-ip"
                | "x-client-ip"
                | "x-remote-user"
                | "x-remote-addr"
                | "remote-user"
                | "forwarded"
                | "true-client-ip"
                | "cf-connecting-ip"
                | "x-original-url"
                | "x-rewrite-url"
        )
}

/// True for headers that describe the HTTP message itself.
fn describes_http(name: &str) -> bool {
    name.starts_with("content-")
        || name.starts_with("sec-")
        || name.starts_with("access-control-")
        || name.starts_with("if-")
        || matches!(
            name,
            "accept"
                | "accept-encoding"
                | "accept-charset"
                | "cookie"
                | "origin"
                | "referer"
                | "expect"
                | "range"
                | "cache-control"
                | "pragma"
                | "dnt"
                | "date"
                | "x-server-timeout"
                | "x-request-id"
        )
}

/// The metadata of a transcoded call. A header that can't be metadata is left out: what a proxy or a browser adds about the
/// visitor is no reason to refuse the visitor.
pub(crate) fn metadata(client: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(client);
    let mut metadata = HeaderMap::with_capacity(client.len() + 8);
    for (name, value) in client {
        let text = name.as_str();
        let dropped = is_of_the_hop(text)
            || claims_identity(text)
            || describes_http(text)
            || text.starts_with("grpc-")
            || text.starts_with("connect-")
            || named.iter().any(|named| named == text)
            || !is_metadata(text, value);
        if !dropped {
            metadata.append(name.clone(), value.clone());
        }
    }
    metadata
}

/// Removes from a gRPC request what must not reach the upstream.
pub(crate) fn clean_grpc_request(headers: &mut HeaderMap) {
    let named = named_by_connection(headers);
    let dropped: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let text = name.as_str();
            is_of_the_hop(text)
                || claims_identity(text)
                || text == "content-length"
                || text == "cookie"
                || named.iter().any(|named| named == text)
        })
        .cloned()
        .collect();
    for name in dropped {
        headers.remove(name);
    }
    if let Some(plain) = plain_grpc_type(headers) {
        headers.insert(header::CONTENT_TYPE, plain);
    }
    keep_metadata(headers);
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
}

/// The content type as every server knows it: in small letters, without parameters. None where it is that already.
fn plain_grpc_type(headers: &HeaderMap) -> Option<HeaderValue> {
    let sent = headers.get(header::CONTENT_TYPE)?;
    let plain = media::essence(&media::text(Some(sent))).to_ascii_lowercase();
    let is_plain = sent.as_bytes() == plain.as_bytes();
    HeaderValue::try_from(plain).ok().filter(|_| !is_plain)
}

/// Adds the metadata of an upstream's answer to the headers of an HTTP one.
pub(crate) fn extend_answer(answer: &mut HeaderMap, upstream: &HeaderMap) {
    for (name, value) in upstream {
        let text = name.as_str();
        let dropped = is_of_the_hop(text)
            || text.starts_with("grpc-")
            || matches!(
                text,
                "content-type" | "content-length" | "date" | "x-request-id"
            )
            || !is_metadata(text, value);
        if !dropped {
            answer.append(name.clone(), value.clone());
        }
    }
}

/// Removes from a gRPC answer what must not reach the client.
pub(crate) fn clean_grpc_answer(headers: &mut HeaderMap) {
    for name in [
        "connection",
        "keep-alive",
        "transfer-encoding",
        "upgrade",
        "content-length",
    ] {
        headers.remove(name);
    }
    keep_metadata(headers);
}

/// Removes what gRPC has no form for, of which others make what they like: some break the call off.
pub(crate) fn keep_metadata(headers: &mut HeaderMap) {
    let is_odd = |(name, value): (&HeaderName, &HeaderValue)| !is_metadata(name.as_str(), value);
    if !headers.iter().any(is_odd) {
        return;
    }
    let all = std::mem::take(headers);
    let mut last = None;
    for (name, value) in all {
        // A name stands only before the first of its values.
        last = name.or(last);
        if let Some(name) = &last
            && is_metadata(name.as_str(), &value)
        {
            headers.append(name.clone(), value);
        }
    }
}

/// The headers that a client's `connection` header names.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| std::str::from_utf8(name.trim_ascii()).ok())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// Whether gRPC has a form for a header: its names have fewer characters than those of HTTP, its values are ASCII, or
/// base64 by their name.
fn is_metadata(name: &str, value: &HeaderValue) -> bool {
    let is_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.bytes().all(is_key) && is_ascii(value) && (!name.ends_with("-bin") || is_base64(value))
}

fn is_ascii(value: &HeaderValue) -> bool {
    value
        .as_bytes()
        .iter()
        .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

fn is_base64(value: &HeaderValue) -> bool {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .all(|part| LENIENT.decode(part.trim_ascii()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    fn names(map: &HeaderMap) -> Vec<&str> {
        map.keys().map(HeaderName::as_str).collect()
    }

    fn passed(headers: &[(&str, &str)]) -> Vec<String> {
        let metadata = metadata(&map(headers));
        names(&metadata).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn credentials_and_traces_pass() {
        let headers = [
            ("authorization", "Bearer x"),
            ("traceparent", "00-1-2-01"),
            ("x-mine", "1"),
        ];
        assert_eq!(passed(&headers), ["authorization", "traceparent", "x-mine"]);
    }

    #[test]
    fn hop_by_hop_headers_do_not_pass_nor_those_that_connection_names() {
        let headers = [
            ("connection", "close, X-Once"),
            ("x-once", "1"),
            ("keep-alive", "5"),
            ("te", "gzip"),
            ("proxy-authorization", "x"),
            ("upgrade", "h2c"),
            ("grpc-encoding", "gzip"),
            ("grpc-status", "0"),
            ("connect-timeout-ms", "5"),
        ];
        assert!(passed(&headers).is_empty());
    }

    #[test]
    fn identity_can_not_be_claimed_by_header() {
        let headers = [
            ("x-user-id", "root"),
            ("x-troupe-client-address", "::1"),
            ("x-forwarded-for", "::1"),
            ("x-real-ip", "::1"),
        ];
        assert!(passed(&headers).is_empty());
    }

    #[test]
    fn what_can_not_be_metadata_is_left_out() {
        let headers = [
            ("a-bin", "AQI="),
            ("b-bin", "AQI"),
            ("c-bin", "not base64!"),
            ("x-name", "Zoë"),
            ("x-city", "Zürich"),
            ("x!odd", "1"),
            ("user-agent", "Caf\u{e9}"),
            ("x-fine", "1"),
        ];
        assert_eq!(passed(&headers), ["a-bin", "b-bin", "x-fine"]);
    }

    #[test]
    fn of_several_values_those_stay_that_can() {
        let mut headers = map(&[
            ("x-a", "1"),
            ("x-a", "é"),
            ("x-a", "2"),
            ("x-b", "é"),
            ("x-c", "3"),
        ]);
        keep_metadata(&mut headers);
        let mut kept = names(&headers);
        kept.sort_unstable();
        assert_eq!(kept, ["x-a", "x-c"]);
        let values: Vec<_> = headers.get_all("x-a").iter().collect();
        assert_eq!(values, ["1", "2"]);
    }
}
