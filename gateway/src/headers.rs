//! Which headers pass the gateway, in either direction.

use base64::Engine;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

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

/// A header that can't be metadata.
#[derive(Debug)]
pub(crate) struct InvalidHeader {
    pub(crate) name: HeaderName,
    pub(crate) reason: &'static str,
}

/// The metadata of a transcoded call.
pub(crate) fn metadata(client: &HeaderMap) -> Result<HeaderMap, InvalidHeader> {
    let named = named_by_connection(client);
    let mut metadata = HeaderMap::with_capacity(client.len() + 8);
    for (name, value) in client {
        let text = name.as_str();
        let dropped = is_of_the_hop(text)
            || claims_identity(text)
            || describes_http(text)
            || text.starts_with("grpc-")
            || named.iter().any(|named| named == text);
        if dropped {
            continue;
        }
        let reason = match () {
            () if !is_ascii(value) => "holds characters other than ASCII",
            () if text.ends_with("-bin") && !is_base64(value) => "is not base64",
            () => {
                metadata.append(name.clone(), value.clone());
                continue;
            }
        };
        return Err(InvalidHeader {
            name: name.clone(),
            reason,
        });
    }
    Ok(metadata)
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
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
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
            );
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
}

/// The headers that a client's `connection` header names.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect()
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

    fn passed(headers: &[(&str, &str)]) -> Result<Vec<String>, InvalidHeader> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        metadata(&map).map(|map| map.keys().map(|name| name.to_string()).collect())
    }

    #[test]
    fn credentials_and_traces_pass() {
        let headers = [
            ("authorization", "Bearer x"),
            ("traceparent", "00-1-2-01"),
            ("x-mine", "1"),
        ];
        assert_eq!(
            passed(&headers).unwrap(),
            ["authorization", "traceparent", "x-mine"]
        );
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
        ];
        assert!(passed(&headers).unwrap().is_empty());
    }

    #[test]
    fn identity_can_not_be_claimed_by_header() {
        let headers = [
            ("x-user-id", "root"),
            ("x-troupe-client-address", "::1"),
            ("x-forwarded-for", "::1"),
            ("x-real-ip", "::1"),
        ];
        assert!(passed(&headers).unwrap().is_empty());
    }

    #[test]
    fn binary_metadata_must_be_base64_padded_or_not() {
        assert_eq!(
            passed(&[("a-bin", "AQI="), ("b-bin", "AQI")]).unwrap(),
            ["a-bin", "b-bin"]
        );
        assert_eq!(
            passed(&[("a-bin", "not base64!")]).unwrap_err().name,
            "a-bin"
        );
    }

    #[test]
    fn values_beyond_ascii_are_refused() {
        assert_eq!(passed(&[("x-name", "Zoë")]).unwrap_err().name, "x-name");
    }
}
