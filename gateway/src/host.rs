//! The host that a request is for (RFC 9112 section 3.2, RFC 9113 section 8.3.1), which HTTP/1.1 can't do without.

use std::net::Ipv6Addr;

use http::header::HOST;
use http::{Request, Version};

/// A request whose host is wrong.
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
    /// The target of the request, or `:authority` of HTTP/2, names no host.
    #[error("the authority of the request is neither a host nor a host and a port")]
    MalformedAuthority,
    /// The header and `:authority` of HTTP/2 differ.
    #[error(
        "the host header and the :authority of the request name two hosts: leave the host header out"
    )]
    Different,
}

/// Checks the header, and the authority of the target where there is one.
///
/// # Errors
/// Where there is no header in HTTP/1.1, where the two differ in HTTP/2, and where there are several headers or one of the two
/// names no host in any version.
pub fn check_host<B>(request: &Request<B>) -> Result<(), InvalidHost> {
    let authority = request.uri().authority();
    if authority.is_some_and(|authority| !is_host_and_port(authority.as_str())) {
        return Err(InvalidHost::MalformedAuthority);
    }
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
    if !is_host {
        return Err(InvalidHost::Malformed);
    }
    // HTTP/1.1 has the target win.
    if request.version() == Version::HTTP_2
        && let Some(authority) = authority
        && !value
            .as_bytes()
            .eq_ignore_ascii_case(authority.as_str().as_bytes())
    {
        return Err(InvalidHost::Different);
    }
    Ok(())
}

/// `uri-host [ ":" port ]` of RFC 9110 section 7.2, where the host isn't empty and the port is one of TCP.
fn is_host_and_port(text: &str) -> bool {
    let is_port = |port: &str| {
        let has_digits_alone = port.bytes().all(|byte| byte.is_ascii_digit());
        has_digits_alone && (port.is_empty() || port.parse::<u16>().is_ok())
    };
    let (is_host, rest) = match text.strip_prefix('[') {
        Some(literal) => match literal.split_once(']') {
            Some((address, rest)) => (is_literal(address), rest),
            None => return false,
        },
        None => {
            let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            (is_name(name), rest)
        }
    };
    is_host && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

/// What stands between brackets (RFC 3986 section 3.2.2): an address of IPv6, without the zone that has a meaning on the
/// client's machine alone, or one of a version to come, of which only the form is known.
fn is_literal(text: &str) -> bool {
    if text.parse::<Ipv6Addr>().is_ok() {
        return true;
    }
    let future = text.strip_prefix(['v', 'V']);
    let Some((version, address)) = future.and_then(|text| text.split_once('.')) else {
        return false;
    };
    let is_part = |byte: u8| is_unreserved(byte) || b"!$&'()*+,;=:".contains(&byte);
    !version.is_empty()
        && version.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !address.is_empty()
        && address.bytes().all(is_part)
}

/// A name, or an address of IPv4, which is one by its form. Without a comma, which joins two headers into one.
fn is_name(text: &str) -> bool {
    let mut pieces = text.split('%');
    let is_plain = |piece: &str| {
        let mut bytes = piece.bytes();
        bytes.all(|byte| is_unreserved(byte) || b"!$&'()*+;=".contains(&byte))
    };
    let is_encoded = |piece: &str| {
        piece.split_at_checked(2).is_some_and(|(digits, rest)| {
            digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && is_plain(rest)
        })
    };
    !text.is_empty() && pieces.next().is_some_and(is_plain) && pieces.all(is_encoded)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
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
        for host in [
            "",
            "a",
            "a.example:8000",
            "a.example:",
            "a:0080",
            "127.0.0.1",
            "[::1]:80",
            "[::1]:",
            "[::FFFF:192.0.2.7]",
            "[2001:db8:0:1:2:3:4:5]",
            "a_b",
            "a~b.-c",
            "b%c3%BCcher.example:1",
            "[v1.fe80::a+en1]",
            "[VAF.x]:9",
        ] {
            assert_eq!(checked(Version::HTTP_11, &[host]), Ok(()), "{host}");
        }
        for host in [
            "a b", "a/b", "u@a", "http://a", "a:b", "a:99999", "é", "a,b", ":80", "a?b", "a:+80",
            "a:-1", "a:8 ", "a:80:80", "::1", "a%", "a%4", "a%zz", "a%%41", "a#b", "a\\b", "a\"",
            "<a>", "{a}", "a|b", "a^b", "a`",
        ] {
            let expected = Err(InvalidHost::Malformed);
            assert_eq!(checked(Version::HTTP_11, &[host]), expected, "{host}");
        }
    }

    #[test]
    fn brackets_hold_an_address() {
        for host in [
            "[zz]",
            "[]",
            "[::1",
            "::1]",
            "a]b",
            "a[b",
            "[a.example]",
            "[127.0.0.1]",
            "[::1]80",
            "[::1]a",
            "[::1]]",
            "[[::1]]",
            "x[::1]",
            "[::1]:x",
            "[::1]:70000",
            "[1:2:3:4:5:6:7]",
            "[1::2::3]",
            "[12345::]",
            "[::256.0.0.1]",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
            "[ ::1]",
            "[v1]",
            "[v.a]",
            "[v1.]",
            "[vg.a]",
            "[v1.a/b]",
            "[v1.a%20]",
            "[v1.[a]]",
        ] {
            let expected = Err(InvalidHost::Malformed);
            assert_eq!(checked(Version::HTTP_11, &[host]), expected, "{host}");
        }
    }

    #[test]
    fn the_authority_of_the_target_is_held_to_the_same() {
        let of = |authority: &str| {
            let uri = format!("http://{authority}/a");
            let mut request = Request::new(());
            *request.version_mut() = Version::HTTP_2;
            *request.uri_mut() = uri.parse().unwrap();
            check_host(&request)
        };
        assert_eq!(of("a.example:1"), Ok(()));
        assert_eq!(of("[::1]:1"), Ok(()));
        for authority in ["[zz]", "[::1]1", "u@a", "a:70000"] {
            assert_eq!(of(authority), Err(InvalidHost::MalformedAuthority));
        }
    }
    #[test]
    fn the_header_of_http_2_names_no_other_host_than_the_authority() {
        let of = |version, host: &'static str| {
            let request = Request::get("http://a.example:1/a").version(version);
            check_host(&request.header(HOST, host).body(()).unwrap())
        };
        assert_eq!(of(Version::HTTP_2, "A.example:1"), Ok(()));
        for host in ["b.example:1", "a.example", "a.example:2", ""] {
            assert_eq!(of(Version::HTTP_2, host), Err(InvalidHost::Different));
            assert_eq!(of(Version::HTTP_11, host), Ok(()));
        }
    }
}
