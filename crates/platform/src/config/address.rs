//! Addresses, as people and secrets of Kubernetes write them.

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
