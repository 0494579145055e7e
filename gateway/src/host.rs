//! The `host` header, which HTTP/1.1 can't do without (RFC 9112 section 3.2).

use http::header::HOST;
use http::uri::Authority;
use http::{Request, Version};

/// A request whose `host` header is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// There is none.
    #[error("the request has no host header, which HTTP/1.1 needs")]
    Missing,
    /// There are several.
    #[error("the request has several host headers: send one")]
    Several,
    /// It names no host.
    #[error("the host header is neither a host nor a host and a port")]
    Malformed,
}

/// Checks the header.
///
/// # Errors
/// Where there is none in HTTP/1.1, and where there are several or it names no host in any version.
pub fn check_host<B>(request: &Request<B>) -> Result<(), InvalidHost> {
    let mut values = request.headers().get_all(HOST).iter();
    let Some(value) = values.next() else {
        return match request.version() {
            Version::HTTP_11 => Err(InvalidHost::Missing),
            _ => Ok(()),
        };
    };
    if values.next().is_some() {
        return Err(InvalidHost::Several);
    }
    // Empty is what a client sends whose address has no host.
    let is_host = value.is_empty() || value.to_str().is_ok_and(is_host_and_port);
    is_host.then_some(()).ok_or(InvalidHost::Malformed)
}

fn is_host_and_port(text: &str) -> bool {
    // A comma joins two headers into one.
    let Ok(authority) = text.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let port = text
        .strip_prefix(host)
        .map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok();
    !host.is_empty() && !text.contains([',', '@']) && port.is_some_and(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(version: Version, hosts: &[&str]) -> Result<(), InvalidHost> {
        let mut request = Request::new(());
        *request.version_mut() = version;
        for host in hosts {
            let value = http::HeaderValue::from_bytes(host.as_bytes()).unwrap();
            request.headers_mut().append(HOST, value);
        }
        check_host(&request)
    }

    #[test]
    fn http_1_1_needs_one_and_nobody_takes_two() {
        assert_eq!(checked(Version::HTTP_11, &[]), Err(InvalidHost::Missing));
        assert_eq!(checked(Version::HTTP_10, &[]), Ok(()));
        assert_eq!(checked(Version::HTTP_2, &[]), Ok(()));
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            assert_eq!(checked(version, &["a", "a"]), Err(InvalidHost::Several));
            assert_eq!(checked(version, &["a"]), Ok(()));
        }
    }

    #[test]
    fn it_names_a_host_and_perhaps_a_port() {
        for host in ["", "a", "a.example:8000", "127.0.0.1", "[::1]:80", "a_b"] {
            assert_eq!(checked(Version::HTTP_11, &[host]), Ok(()), "{host}");
        }
        for host in [
            "a b", "a/b", "u@a", "http://a", "a:b", "a:99999", "é", "a,b", "[::1", ":80", "a?b",
        ] {
            let expected = Err(InvalidHost::Malformed);
            assert_eq!(checked(Version::HTTP_11, &[host]), expected, "{host}");
        }
    }
}
