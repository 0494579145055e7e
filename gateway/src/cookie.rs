//! The cookies that contracts name. A method learns the value of its own and nothing of others; nobody else learns it, and
//! nobody else sets it.

use http::header::{self, HeaderMap, HeaderValue};
use mesh::context::SET_COOKIE;
use troupe_proto::policy;

/// What browsers are told beside a value and its time.
const ATTRIBUTES: &str = "; Path=/; Secure; HttpOnly; SameSite=Strict";

/// The value of a cookie in the headers of a client: empty where there is none, or one that nobody can have been given. Of
/// two, one is planted, and nobody can tell which.
pub(crate) fn value(name: &str, client: &HeaderMap) -> HeaderValue {
    let pairs = client.get_all(header::COOKIE).iter();
    let pairs = pairs.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| value_of(name, pair));
    let value = values.next().filter(|_| values.next().is_none());
    let value = value.filter(|it| it.iter().all(u8::is_ascii_graphic));
    let value = value.and_then(|it| HeaderValue::from_bytes(it).ok());
    let mut value = value.unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// The value of a pair, if it is of this name to the letter: browsers hold names to it, and drop no more than these spaces.
fn value_of<'p>(name: &str, pair: &'p [u8]) -> Option<&'p [u8]> {
    let start = pair.iter().position(|byte| *byte != b' ')?;
    let rest = pair[start..].strip_prefix(name.as_bytes())?;
    rest.strip_prefix(b"=")
}

/// Sets the cookie of an answer's method as the answer says. No other may be set by what a service says, if it is one of
/// Troupe's.
pub(crate) fn settle(answer: &mut HeaderMap, name: Option<&str>) {
    let said = answer.remove(SET_COOKIE);
    if answer.get_all(header::SET_COOKIE).iter().any(is_taken) {
        drop_taken(answer);
    }
    let (Some(name), Some(said)) = (name, said) else {
        return;
    };
    let bytes = [
        name.as_bytes(),
        b"=",
        said.as_bytes(),
        ATTRIBUTES.as_bytes(),
    ]
    .concat();
    if let Ok(mut cookie) = HeaderValue::from_bytes(&bytes) {
        cookie.set_sensitive(true);
        answer.append(header::SET_COOKIE, cookie);
    }
}

/// Whether a contract of Troupe's has a cookie of this name.
pub(crate) fn is_ours(name: &[u8]) -> bool {
    let mut ours = policy::METHODS.iter().filter_map(|it| it.cookie);
    ours.any(|own| own.as_bytes() == name)
}

fn is_taken(set: &HeaderValue) -> bool {
    let ends = |byte: &u8| matches!(*byte, b'=' | b';');
    let name = set.as_bytes().split(ends).next().unwrap_or_default();
    is_ours(name.trim_ascii())
}

fn drop_taken(answer: &mut HeaderMap) {
    if let header::Entry::Occupied(entry) = answer.entry(header::SET_COOKIE) {
        let (name, values) = entry.remove_entry_mult();
        let kept: Vec<_> = values.filter(|it| !is_taken(it)).collect();
        for value in kept {
            answer.append(name.clone(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "__Host-a";

    fn read(cookies: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            let cookie = HeaderValue::from_bytes(cookie).unwrap();
            headers.append(header::COOKIE, cookie);
        }
        value(NAME, &headers).to_str().unwrap().to_owned()
    }

    #[test]
    fn finds_the_one_of_its_name_among_others() {
        assert_eq!(read(&[b"x=1; __Host-a=v=1; y=2"]), "v=1");
        // HTTP/2 may send a header for each.
        assert_eq!(read(&[b"x=1", b"__Host-a=v", b"y"]), "v");
    }

    #[test]
    fn what_is_planted_or_broken_counts_for_nothing() {
        let planted: [&[&[u8]]; 13] = [
            &[],
            &[b"__Host-a"],
            &[b"__Host-a="],
            &[b"=__Host-a=v"],
            &[b"__host-a=v"],
            &[b"\t__Host-a=v"],
            &[b"__Host-ab=v"],
            &[b"x__Host-a=v"],
            &[b"__Host-a =v"],
            &[b"__Host-a=v; __Host-a=v"],
            &[b"__Host-a=v", b"__Host-a=w"],
            &[b"__Host-a=a b"],
            &[b"__Host-a=\xc3\xa9"],
        ];
        for cookies in planted {
            assert_eq!(read(cookies), "", "{cookies:?}");
        }
    }

    fn settled(name: Option<&str>, headers: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut answer = HeaderMap::new();
        for (name, value) in headers {
            answer.append(*name, HeaderValue::from_static(value));
        }
        settle(&mut answer, name);
        assert!(!answer.contains_key(SET_COOKIE));
        let set = answer.get_all(header::SET_COOKIE).iter();
        set.map(|it| it.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn sets_what_the_method_says_with_all_that_protects_it() {
        let said = [(SET_COOKIE, "v; Max-Age=5"), ("set-cookie", "x=1")];
        assert_eq!(
            settled(Some(NAME), &said),
            [
                "x=1",
                "__Host-a=v; Max-Age=5; Path=/; Secure; HttpOnly; SameSite=Strict"
            ]
        );
        assert_eq!(settled(None, &said), ["x=1"]);
    }

    #[test]
    fn no_other_service_sets_one_of_troupes() {
        let planted = [
            ("set-cookie", "x=1"),
            ("set-cookie", "__Host-troupe_refresh=evil; Path=/; Secure"),
            ("set-cookie", " __Host-troupe_refresh =evil; Path=/; Secure"),
            ("set-cookie", "y=2"),
        ];
        assert_eq!(settled(None, &planted), ["x=1", "y=2"]);
    }
}
