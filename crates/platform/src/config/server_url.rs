//! Addresses of servers, with what is secret in them.

use std::fmt;

use serde::Deserialize;

use crate::config::{Error, encoding_problem, trimmed};

/// A server's address, which may hold a password, or several with commas between them. Neither user nor password shows in
/// logs. White space around it and slashes behind it are no part of it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct ServerUrl(String);

impl ServerUrl {
    /// Takes an address as an operator wrote it.
    pub fn new(url: impl Into<String>) -> Self {
        Self(trimmed(&url.into()))
    }

    /// Whether a server is named at all.
    pub fn is_named(&self) -> bool {
        !self.0.is_empty()
    }

    /// The whole address with its password, to connect to it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Refuses an address of which nobody can tell where the password ends and the host begins, or what the password is.
    ///
    /// # Errors
    /// Names the key, and what to write instead.
    pub fn validate(&self, key: &'static str) -> Result<(), Error> {
        let is_ambiguous = |part: &str| {
            let beginning = after_authority(part)
                .rsplit_once('@')
                .map(|(beginning, _)| beginning);
            // Parameters may have an @, behind their name.
            beginning.is_some_and(|beginning| !beginning.contains('='))
        };
        let problem = match parts(&self.0).into_iter().any(is_ambiguous) {
            true => Some(
                "has an @ after a /, ? or #: in a user or password, write these as %2F, %3F and %23",
            ),
            false => encoding_problem(&self.0),
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(Error::Invalid {
                key,
                problem: problem.to_owned(),
            }),
        }
    }

    /// Refuses an address that no client could use: of another scheme than one of `schemes`, or without a host. What
    /// follows a `-` or `+` in a scheme says how to connect, as in `redis-cluster`.
    ///
    /// # Errors
    /// Names the key, and writes an address as it should be.
    pub fn validate_scheme(
        &self,
        key: &'static str,
        schemes: &[&str],
        example: &str,
    ) -> Result<(), Error> {
        let is_usable = |part: &str| {
            let (scheme, authority, _) = split(part);
            let mut words = scheme.split(['-', '+']);
            let is_known = words.next().is_some_and(|stem| schemes.contains(&stem));
            let host = authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host);
            let has_host = !host.is_empty() && !host.starts_with(':');
            let is_socket = words.next() == Some("unix");
            is_known && (has_host || is_socket) && !host.contains(char::is_whitespace)
        };
        match !self.is_named() || parts(&self.0).into_iter().all(is_usable) {
            true => Ok(()),
            false => Err(Error::Invalid {
                key,
                problem: format!("isn't an address of such a server: write one such as {example}"),
            }),
        }
    }
}

impl From<String> for ServerUrl {
    fn from(url: String) -> Self {
        Self::new(url)
    }
}

/// The addresses in a text: a new one begins where a scheme follows a comma. Others belong to the one before.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = next_part(rest) {
        parts.push(&rest[..at]);
        rest = rest[at + 1..].trim_start();
    }
    parts.push(rest);
    parts
}

/// Where the comma before the next address is.
fn next_part(text: &str) -> Option<usize> {
    let commas = text.match_indices(',').map(|(at, _)| at);
    commas.into_iter().find(|at| {
        let scheme = text[at + 1..].trim_start().split_once("://");
        scheme.is_some_and(|(scheme, _)| {
            let mut letters = scheme.chars();
            !scheme.is_empty() && letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        })
    })
}

fn split(part: &str) -> (&str, &str, &str) {
    let (scheme, rest) = part.split_once("://").unwrap_or(("", part));
    let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    (scheme, authority, behind)
}

fn after_authority(part: &str) -> &str {
    let (_, _, behind) = split(part);
    behind
}

/// The address without user, password and parameters.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in parts(&self.0).into_iter().enumerate() {
            let (scheme, authority, behind) = split(part);
            let comma = if index == 0 { "" } else { "," };
            let colon = if scheme.is_empty() { "" } else { "://" };
            write!(f, "{comma}{scheme}{colon}")?;
            if behind.contains('@') {
                // What looks like a host may be the beginning of a password.
                f.write_str("…")?;
                continue;
            }
            let host = authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host);
            // Parameters may hold a password too.
            let path = behind.split(['?', '#']).next().unwrap_or_default();
            write!(f, "{host}{path}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_neither_user_nor_password() {
        for (url, shown) in [
            ("", ""),
            (
                "postgres://ann:pass@db:5432/troupe?sslmode=require&password=x",
                "postgres://db:5432/troupe",
            ),
            ("redis://:p%40ss@cache", "redis://cache"),
            ("nats://user:odd@pass@host:4222", "nats://host:4222"),
            ("localhost:4222", "localhost:4222"),
            (
                "nats://ann:pass@a:1, nats://word@b:2/",
                "nats://a:1,nats://b:2",
            ),
            ("nats://ann:pa,ss@a:1,b:2", "nats://a:1,b:2"),
            ("nats://a:1,ann:pass@b:2", "nats://b:2"),
            ("nats://ann:pa/ss@host", "nats://…"),
            ("postgres://ann:12?ss@db/troupe", "postgres://…"),
            ("postgres://ann:12#ss@db/troupe", "postgres://…"),
        ] {
            let url = ServerUrl::new(url);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("ServerUrl({shown})"));
        }
    }

    #[test]
    fn refuses_what_no_client_could_use() {
        let check = |url: &str| {
            ServerUrl::new(url).validate_scheme(
                "redis.url",
                &["redis", "rediss"],
                "redis://cache.example",
            )
        };
        for url in [
            "cache",
            "127.0.0.1:6379",
            "http://cache",
            "redis://",
            "redis://:6379",
            "redis://a b",
            "redis://ann:secret@",
        ] {
            let error = check(url).unwrap_err().to_string();
            assert!(
                error.contains("redis.url") && error.contains("redis://cache.example"),
                "{url}: {error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
        for url in [
            "",
            "redis://cache",
            "rediss://ann:p%20s@cache:6379/0",
            "redis-cluster://a:1",
            "redis+unix:///run/redis.sock",
            "redis://[::1]:6379",
        ] {
            check(url).unwrap();
        }
    }

    #[test]
    fn refuses_a_password_that_hides_the_host() {
        for url in [
            "nats://ann:pa/ss@host",
            "redis://:p?ss@cache",
            "nats://ann:pass@a,nats://to#ken@b",
        ] {
            let error = ServerUrl::new(url).validate("nats.url").unwrap_err();
            let error = error.to_string();
            assert!(
                error.contains("nats.url") && error.contains("%2F"),
                "{error}"
            );
            assert!(!error.contains("ss@") && !error.contains("ken"), "{error}");
        }
        for url in [
            "",
            "postgres://ann:p%2Fass@db/troupe?options=-c%20x&user=ann@corp",
            "redis://:p@ss@cache",
            "nats://a,nats://b",
        ] {
            ServerUrl::new(url).validate("database.url").unwrap();
        }
    }
}
