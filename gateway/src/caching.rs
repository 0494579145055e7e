//! What caches between the gateway and a client may keep.
//!
//! One rule for every protocol, which needs no list of methods: what a client asks for with a token is its own, and what
//! changes something or went wrong is for nobody to keep. Left as it is, an answer is only to a request that reads, holds no
//! token and succeeded, such as the keys that verify tokens. So the tokens that a login hands out, which come in answers
//! to POST, are never kept.
//!
//! Some caches listen to headers of their own before `cache-control` (RFC 9213), so those go where the rule says who may keep
//! an answer. `vary` stays, which only ever parts answers, and so does `pragma`, which means nothing in an answer but, to
//! some, not to keep it.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response};

const NOBODY: HeaderValue = HeaderValue::from_static("no-store");

/// Directives that let shared caches keep an answer, some of them against another that forbids it.
const SHARING: &[&str] = &["public", "s-maxage", "must-understand"];

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
        if self.has_token || !self.reads || !succeeded {
            keep_from_all(headers);
        }
        if self.has_token {
            if let Some(value) = kept_private(headers) {
                headers.insert(header::CACHE_CONTROL, value);
            }
            drop_words_for_shared_caches(headers);
        }
    }
}

/// Says that nobody keeps an answer, unless its service says who may.
pub(crate) fn keep_from_all(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, NOBODY);
        drop_words_for_shared_caches(headers);
    }
}

/// True for headers by which some shared caches decide, whatever `cache-control` says: the targeted fields of RFC 9213, what
/// there was before them, and `expires`, by which caches go that don't know `cache-control`.
fn speaks_to_shared_caches(name: &str) -> bool {
    name.ends_with("-cache-control")
        || matches!(
            name,
            "surrogate-control" | "edge-control" | "x-accel-expires" | "expires"
        )
}

fn drop_words_for_shared_caches(headers: &mut HeaderMap) {
    let names = headers.keys();
    let dropped: Vec<HeaderName> = names
        .filter(|name| speaks_to_shared_caches(name.as_str()))
        .cloned()
        .collect();
    for name in dropped {
        headers.remove(name);
    }
}

/// What takes the place of directives that would let caches share an answer; nothing where they don't.
fn kept_private(headers: &HeaderMap) -> Option<HeaderValue> {
    let values = headers.get_all(header::CACHE_CONTROL);
    let text: Result<Vec<&str>, _> = values.iter().map(HeaderValue::to_str).collect();
    let Ok(text) = text else {
        return Some(NOBODY);
    };
    let directives = || text.iter().flat_map(|value| directives(value));
    let is_one = |text: &str, names: &[&str]| names.iter().any(|it| it.eq_ignore_ascii_case(text));
    // With fields after it, `private` is about those alone.
    let is_kept = directives().any(|it| is_one(it, &["private", "no-store"]));
    let is_shared = directives().any(|it| is_one(name(it), SHARING));
    if is_kept && !is_shared {
        return None;
    }
    let mut private = String::from("private");
    for directive in directives().filter(|text| !text.is_empty()) {
        if !is_one(name(directive), SHARING) && !is_one(name(directive), &["private"]) {
            private.push_str(", ");
            private.push_str(directive);
        }
    }
    Some(HeaderValue::try_from(private).unwrap_or(NOBODY))
}

/// The name of a directive, without what it is set to.
fn name(directive: &str) -> &str {
    directive.split('=').next().unwrap_or_default().trim()
}

/// Parts a value at its commas, but for those between quotes.
fn directives(value: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = value.split(move |letter| {
        let is_literal = std::mem::take(&mut is_escaped);
        match letter {
            '\\' if is_quoted && !is_literal => is_escaped = true,
            '"' if !is_literal => is_quoted = !is_quoted,
            _ => {}
        }
        letter == ',' && !is_quoted
    });
    parts.map(str::trim)
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

    #[test]
    fn a_word_that_shares_does_not_stand_beside_one_that_forbids_it() {
        for (own, expected) in [
            ("no-store, must-understand, public", "private, no-store"),
            ("private, s-maxage=60, max-age=5", "private, max-age=5"),
            ("PRIVATE, Public", "private"),
            (
                "public, no-cache=\"x-a, private, x-b\"",
                "private, no-cache=\"x-a, private, x-b\"",
            ),
            (
                "max-age=1, x=\"a\\\", private, \"",
                "private, max-age=1, x=\"a\\\", private, \"",
            ),
        ] {
            assert_eq!(said(PERSON, 200, &[own]), expected, "{own}");
            assert_eq!(said(ANYBODY, 200, &[own]), own, "{own}");
        }
    }

    const FOR_SHARED_CACHES: [(&str, &str); 8] = [
        ("cdn-cache-control", "public, max-age=77"),
        ("cloudflare-cdn-cache-control", "max-age=77"),
        ("akamai-cache-control", "max-age=77"),
        ("x-litespeed-cache-control", "public, max-age=77"),
        ("surrogate-control", "max-age=77"),
        ("edge-control", "!no-store, max-age=77"),
        ("x-accel-expires", "77"),
        ("expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
    ];

    fn left(keeping: Keeping, status: u16, own: Option<&str>) -> Vec<String> {
        let mut answer = Response::builder().status(status);
        if let Some(own) = own {
            answer = answer.header("cache-control", own);
        }
        for (name, value) in FOR_SHARED_CACHES {
            // Twice, since a header may come so.
            answer = answer.header(name, value).header(name, value);
        }
        answer = answer.header("vary", "accept").header("pragma", "no-cache");
        let mut answer = answer.header("cache-tag", "a").body(()).unwrap();
        keeping.say(&mut answer);
        let mut names: Vec<_> = answer.headers().keys().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn caches_with_a_header_of_their_own_are_told_nothing_else() {
        let bare = ["cache-control", "cache-tag", "pragma", "vary"];
        for own in [
            None,
            Some("public, max-age=77"),
            Some("private"),
            Some("no-store"),
        ] {
            assert_eq!(left(PERSON, 200, own), bare, "{own:?}");
            assert_eq!(left(PERSON, 500, own), bare, "{own:?}");
        }
        assert_eq!(left(CHANGE, 200, None), bare);
        assert_eq!(left(ANYBODY, 404, None), bare);
        let mut stream = HeaderMap::new();
        stream.insert("cdn-cache-control", HeaderValue::from_static("max-age=77"));
        keep_from_all(&mut stream);
        assert_eq!((stream.len(), &stream["cache-control"]), (1, &NOBODY));
    }

    #[test]
    fn what_anybody_reads_is_kept_as_its_service_says() {
        let count = FOR_SHARED_CACHES.len() + 3;
        assert_eq!(left(ANYBODY, 200, None).len(), count);
        for own in ["public", "private, max-age=77", "no-store"] {
            assert_eq!(left(ANYBODY, 200, Some(own)).len(), count + 1);
        }
    }
}
