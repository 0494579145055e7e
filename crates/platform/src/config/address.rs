//! Addresses, as people and secrets of Kubernetes write them.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer};

/// An address without white space around it and slashes at the end of its path.
pub fn trimmed(text: &str) -> String {
    let text = text.trim();
    let (path, parameters) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
    let short = path.trim_end_matches('/');
    match short.ends_with(':') {
        // Nothing is left but the scheme: the slashes belong to it.
        true => text.to_owned(),
        false => format!("{short}{parameters}"),
    }
}

/// What is wrong with the encoded characters (`%XX`) of an address, if something is.
pub fn encoding_problem(text: &str) -> Option<&'static str> {
    let broken = text.match_indices('%').any(|(at, _)| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if broken {
        return Some("has a % without two hexadecimal digits after it: write a literal % as %25");
    }
    let is_text = percent_decode_str(text).decode_utf8().is_ok();
    (!is_text).then_some("has encoded characters (%XX) that aren't UTF-8")
}

/// Reads an address, [`trimmed`]; for `#[serde(deserialize_with = "…")]`.
///
/// # Errors
/// It is no text.
pub fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(trimmed(&String::deserialize(deserializer)?))
}

/// Reads a list of addresses, each [`trimmed`]; for `#[serde(deserialize_with = "…")]`.
///
/// # Errors
/// It is no list of texts.
pub fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let addresses = Vec::<String>::deserialize(deserializer)?;
    Ok(addresses.iter().map(|text| trimmed(text)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_can_not_be_decoded() {
        for text in [
            "nats://a:%zz@h",
            "redis://:p%@h",
            "http://h/%2",
            "http://h/%é0",
            "pg://a:%ff@h",
        ] {
            assert!(encoding_problem(text).is_some(), "{text}");
        }
        for text in ["", "nats://a:%25%2f%C3%A9@h", "http://h/v1?x=%20"] {
            assert_eq!(encoding_problem(text), None, "{text}");
        }
    }

    #[test]
    fn takes_white_space_and_slashes_off() {
        for (written, read) in [
            ("", ""),
            (" \n", ""),
            ("http://host:1/\n", "http://host:1"),
            ("\thttp://host/v1// ", "http://host/v1"),
            (
                "postgres://h/db/?sslmode=require",
                "postgres://h/db?sslmode=require",
            ),
            (
                "postgres:///db?host=/run/pg/",
                "postgres:///db?host=/run/pg/",
            ),
            ("postgres:///?host=/run", "postgres:///?host=/run"),
            ("127.0.0.1:8001/", "127.0.0.1:8001"),
            ("*", "*"),
        ] {
            assert_eq!(trimmed(written), read);
        }
    }
}
