//! Which pages may call, by their origin (CORS), and which of them may keep cookies here.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use http::{Request, Uri};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer, ExposeHeaders};

use crate::config::{ConfigError, Cors};

/// How browsers tell from where a page calls. No script can set it.
const SITE: &str = "sec-fetch-site";
/// Names of this machine that no other can have.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The origins of pages.
#[derive(Debug)]
pub(crate) struct Origins {
    is_any: bool,
    is_loopback: bool,
    listed: Vec<HeaderValue>,
}

/// What answers say to pages of other origins.
#[derive(Debug, Clone)]
pub(crate) struct CrossOrigin {
    plain: CorsLayer,
    with_cookies: CorsLayer,
}

impl Origins {
    /// Those that the operator allows.
    pub(crate) fn new(config: &Cors) -> Result<Self, ConfigError> {
        let is_any = config.allowed_origins == ["*"];
        let named = config.allowed_origins.iter().filter(|_| !is_any);
        let listed: Result<_, _> = named.map(|it| origin_value(it)).collect();
        Ok(Self {
            is_any,
            is_loopback: config.loopback,
            listed: listed?,
        })
    }

    /// Whether no page of another origin may call.
    fn are_none(&self) -> bool {
        !self.is_any && !self.is_loopback && self.listed.is_empty()
    }

    /// Whether an origin is one that the operator knows. Whoever allows any knows none of them.
    fn know(&self, origin: &HeaderValue) -> bool {
        self.listed.contains(origin) || self.is_loopback && is_loopback_origin(origin)
    }

    /// Whether a request comes from a page that may keep cookies here. A page of another site never may: it could act for
    /// a person who only looks at it.
    pub(crate) fn may_keep_cookies<B>(&self, request: &Request<B>, is_https: bool) -> bool {
        let headers = request.headers();
        let origin = headers.get(ORIGIN);
        let mut sites = headers.get_all(SITE).iter().map(HeaderValue::as_bytes);
        match (sites.next(), sites.next()) {
            (Some(b"same-origin"), None) => true,
            (Some(b"same-site"), None) => origin.is_some_and(|it| self.know(it)),
            // An old browser, or a page that came by plain HTTP.
            (None, _) => origin.is_some_and(|it| is_own(it, request, is_https)),
            _ => false,
        }
    }
}

impl CrossOrigin {
    /// The rules for pages of other origins; None where no origin is allowed. Cookies go along only to methods that have one,
    /// and never for an origin that isn't known by name, so that `*` may expose every trailer to all others.
    pub(crate) fn new(config: &Cors, origins: &Arc<Origins>) -> Result<Option<Self>, ConfigError> {
        if origins.are_none() {
            return Ok(None);
        }
        let known = Arc::clone(origins);
        let known = AllowOrigin::predicate(move |origin, _| known.know(origin));
        let allowed = match origins.is_any {
            true => AllowOrigin::any(),
            false => known.clone(),
        };
        let common = CorsLayer::new()
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(exposed(config)?)
            .max_age(Duration::from_secs(7200));
        Ok(Some(Self {
            plain: common.clone().allow_origin(allowed),
            with_cookies: common.allow_origin(known).allow_credentials(true),
        }))
    }

    /// The rules for a page of an origin, which calls a method that has a cookie or none.
    pub(crate) fn layer(
        &self,
        origins: &Origins,
        origin: &HeaderValue,
        has_cookie: bool,
    ) -> &CorsLayer {
        match has_cookie && origins.know(origin) {
            true => &self.with_cookies,
            false => &self.plain,
        }
    }
}

/// The host of a request, with its port if that isn't the usual one.
pub(crate) fn host_of<B>(request: &Request<B>) -> &str {
    let target = request.uri().authority().map(|it| it.as_str());
    let header = || request.headers().get(HOST)?.to_str().ok();
    target.or_else(header).unwrap_or_default()
}

/// Whether an origin is the one that a request is sent to. By plain HTTP only this machine can be: elsewhere, browsers keep no
/// cookie that is for HTTPS.
fn is_own<B>(origin: &HeaderValue, request: &Request<B>, is_https: bool) -> bool {
    let host = host_of(request);
    let scheme = match is_https {
        true => "https://",
        false if is_loopback(host) => "http://",
        false => return false,
    };
    let origin = origin.to_str().ok().and_then(|it| it.strip_prefix(scheme));
    origin.is_some_and(|origin| !host.is_empty() && origin.eq_ignore_ascii_case(host))
}

fn is_loopback_origin(origin: &HeaderValue) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let authority = origin.strip_prefix("http://");
    let authority = authority.or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(is_loopback)
}

/// Whether a host, with a port or without one, is this machine.
fn is_loopback(authority: &str) -> bool {
    let mut rests = LOOPBACK.iter().filter_map(|it| authority.strip_prefix(it));
    let is_port = |rest: &str| {
        let port = rest.strip_prefix(':').unwrap_or_default();
        !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit())
    };
    rests.any(|rest| rest.is_empty() || is_port(rest))
}

/// What pages of other origins may read of an answer. With cookies, `*` is no more than a name.
fn exposed(config: &Cors) -> Result<ExposeHeaders, ConfigError> {
    let own = [
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "x-request-id",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "deprecation",
        "sunset",
        "etag",
        "content-disposition",
        "*",
    ];
    let mut exposed: Vec<HeaderName> = own.into_iter().map(HeaderName::from_static).collect();
    for name in &config.exposed_headers {
        let invalid = |_| {
            ConfigError::new(
                "cors.exposed_headers",
                format!("holds `{name}`, which is no header"),
            )
        };
        exposed.push(HeaderName::try_from(name.as_str()).map_err(invalid)?);
    }
    Ok(ExposeHeaders::list(exposed))
}

fn origin_value(origin: &str) -> Result<HeaderValue, ConfigError> {
    let is_origin = origin.parse::<Uri>().is_ok_and(|uri| {
        uri.scheme().is_some() && uri.authority().is_some() && !origin.ends_with('/')
    });
    let value = HeaderValue::from_str(origin).ok().filter(|_| is_origin);
    value.ok_or_else(|| {
        let reason =
            format!("holds `{origin}`, which must have the form https://host or stand alone as *");
        ConfigError::new("cors.allowed_origins", reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(allowed: &[&str], loopback: bool) -> Origins {
        let config = Cors {
            allowed_origins: allowed.iter().map(|it| (*it).to_owned()).collect(),
            loopback,
            ..Cors::default()
        };
        Origins::new(&config).unwrap()
    }

    /// Whether a page may keep cookies that calls `host` with these headers.
    fn may(origins: &Origins, host: &str, headers: &[(&str, &str)], is_https: bool) -> bool {
        let mut request = Request::post("/a").header(HOST, host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        origins.may_keep_cookies(&request.body(()).unwrap(), is_https)
    }

    #[test]
    fn this_machine_has_three_names_and_any_port() {
        for own in [
            "http://localhost",
            "http://localhost:5173",
            "https://127.0.0.1:1",
            "http://[::1]:65535",
        ] {
            assert!(is_loopback_origin(&own.parse().unwrap()), "{own}");
        }
        for other in [
            "null",
            "localhost",
            "ftp://localhost",
            "http://localhost.evil.example",
            "http://localhost:80@evil.example",
            "http://localhost:",
            "http://localhost:80/a",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.10",
            "http://evil.example#localhost",
        ] {
            assert!(!is_loopback_origin(&other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn browsers_say_which_pages_are_of_the_site() {
        let origins = origins(&["https://app.example"], true);
        let (own, app) = (
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://app.example"),
        );
        let site = ("sec-fetch-site", "same-site");
        assert!(may(&origins, "api.example", &[own], false));
        assert!(may(&origins, "api.example", &[site, app], false));
        assert!(may(
            &origins,
            "localhost:1",
            &[site, ("origin", "http://localhost:2")],
            false
        ));
        for refused in [
            &[][..],
            &[site],
            &[site, ("origin", "https://evil.example")],
            &[("sec-fetch-site", "cross-site"), app],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://localhost:1"),
            ],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "Same-Origin")],
            &[("sec-fetch-site", "same-origin, cross-site")],
            &[own, ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!may(&origins, "localhost:1", refused, true), "{refused:?}");
        }
    }

    #[test]
    fn whoever_allows_any_origin_knows_none() {
        let origins = origins(&["*"], false);
        let site = ("sec-fetch-site", "same-site");
        assert!(!may(
            &origins,
            "api.example",
            &[site, ("origin", "https://app.example")],
            true
        ));
        assert!(!may(
            &origins,
            "localhost:1",
            &[site, ("origin", "http://localhost:2")],
            false
        ));
    }

    #[test]
    fn without_that_the_origin_is_the_gateways_own() {
        let origins = origins(&["https://app.example"], true);
        let from = |origin| [("origin", origin)];
        assert!(may(&origins, "a.example", &from("https://a.example"), true));
        assert!(may(
            &origins,
            "a.example:8",
            &from("https://A.example:8"),
            true
        ));
        assert!(may(
            &origins,
            "localhost:8",
            &from("http://localhost:8"),
            false
        ));
        for (host, origin, is_https) in [
            // Browsers keep no secure cookie there.
            ("a.example", "http://a.example", false),
            ("a.example", "https://a.example", false),
            ("a.example", "http://a.example", true),
            ("a.example", "https://a.example:8", true),
            ("a.example", "https://app.example", true),
            ("localhost:8", "http://localhost:9", false),
            ("localhost:8", "http://127.0.0.1:8", false),
            ("a.example", "null", true),
            ("", "https://", true),
        ] {
            assert!(
                !may(&origins, host, &from(origin), is_https),
                "{host} {origin}"
            );
        }
    }
}
