//! What caches between the gateway and a client may keep.
//!
//! One rule for every protocol, which needs no list of methods: what a client asks for with a token is its own, and what
//! changes something or went wrong is for nobody to keep. Left as it is, an answer is only to a request that reads, holds no
//! token and succeeded, such as the keys that verify tokens. So the tokens that a login hands out, which come in answers
//! to POST, are never kept.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response};

const NOBODY: HeaderValue = HeaderValue::from_static("no-store");

/// What the request says of who may keep its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keeping {
    has_token: bool,
    reads: bool,
}

impl Keeping {
    /// Reads it off a request.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self {
            has_token: request.headers().contains_key(header::AUTHORIZATION),
            reads: [Method::GET, Method::HEAD].contains(request.method()),
        }
    }

    /// Says it on an answer. What a service said itself stands as long as it keeps a person's things from others.
    pub(crate) fn say<B>(self, answer: &mut Response<B>) {
        let succeeded = answer.status().is_success() || answer.status().is_redirection();
        let headers = answer.headers_mut();
        if !headers.contains_key(header::CACHE_CONTROL) {
            if self.has_token || !self.reads || !succeeded {
                headers.insert(header::CACHE_CONTROL, NOBODY);
            }
        } else if self.has_token
            && let Some(value) = kept_private(headers)
        {
            headers.insert(header::CACHE_CONTROL, value);
        }
    }
}

/// What takes the place of directives that would let caches share an answer; nothing where they don't.
fn kept_private(headers: &HeaderMap) -> Option<HeaderValue> {
    let values = headers.get_all(header::CACHE_CONTROL);
    let text: Vec<&str> = values
        .iter()
        .map(|value| value.to_str())
        .collect::<Result<_, _>>()
        .ok()?;
    let directives = || {
        text.iter()
            .flat_map(|value| value.split(','))
            .map(str::trim)
    };
    let name = |directive: &str| {
        directive
            .split('=')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    };
    if directives()
        .any(|directive| ["private", "no-store"].contains(&directive.to_ascii_lowercase().as_str()))
    {
        return None;
    }
    let mut private = String::from("private");
    for directive in directives().filter(|text| !text.is_empty()) {
        if !["public", "s-maxage", "private"].contains(&name(directive).as_str()) {
            private.push_str(", ");
            private.push_str(directive);
        }
    }
    Some(HeaderValue::try_from(private).unwrap_or(NOBODY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(keeping: Keeping, status: u16, own: &[&str]) -> String {
        let mut answer = Response::builder().status(status);
        for value in own {
            answer = answer.header("cache-control", *value);
        }
        let mut answer = answer.body(()).unwrap();
        keeping.say(&mut answer);
        let values = answer.headers().get_all("cache-control").iter();
        values
            .map(|value| value.to_str().unwrap())
            .collect::<Vec<_>>()
            .join("; ")
    }

    const PERSON: Keeping = Keeping {
        has_token: true,
        reads: true,
    };
    const ANYBODY: Keeping = Keeping {
        has_token: false,
        reads: true,
    };
    const CHANGE: Keeping = Keeping {
        has_token: false,
        reads: false,
    };

    #[test]
    fn only_what_anybody_reads_may_be_kept() {
        assert_eq!(said(ANYBODY, 200, &[]), "");
        for status in [401, 404, 429, 503] {
            assert_eq!(said(ANYBODY, status, &[]), "no-store");
        }
        for keeping in [PERSON, CHANGE] {
            for status in [200, 401] {
                assert_eq!(said(keeping, status, &[]), "no-store");
            }
        }
    }

    #[test]
    fn what_a_service_says_stands_unless_it_shares_what_is_a_person_s() {
        for own in ["no-store", "private, max-age=3600", "max-age=60, Private"] {
            assert_eq!(said(PERSON, 200, &[own]), own);
        }
        assert_eq!(
            said(ANYBODY, 200, &["public, max-age=60"]),
            "public, max-age=60"
        );
        assert_eq!(
            said(PERSON, 200, &["public, max-age=60"]),
            "private, max-age=60"
        );
        assert_eq!(
            said(PERSON, 200, &["s-maxage=9", "max-age=5"]),
            "private, max-age=5"
        );
        assert_eq!(said(PERSON, 200, &["private=\"x-a\""]), "private");
        assert_eq!(said(PERSON, 200, &[""]), "private");
    }
}
