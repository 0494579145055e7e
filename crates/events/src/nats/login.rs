//! How a process logs in to NATS: with the user and password, or the token, of the address that it connects to.
//!
//! async-nats takes none of these from an address (nats-io/nats.rs#1623). So addresses are handed to it without, which also
//! keeps them out of its logs; which one is next is decided here, and its login is presented when the server asks.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use async_nats::connection::State;
use async_nats::{
    Auth, AuthError, ConnectErrorKind, ConnectOptions, ReconnectToServer, ServerAddr,
};
use percent_encoding::percent_decode_str;

use super::AddressError;
use crate::NatsConfig;

/// The addresses of the servers, and what each wants to hear.
pub(super) struct Login {
    entries: Vec<Entry>,
    /// Counts the attempts to connect: each goes to the next server.
    turn: AtomicUsize,
    /// The entry whose login is presented.
    current: AtomicUsize,
    /// The servers that refused it in the last attempt.
    refusing: RwLock<String>,
}

struct Entry {
    /// Without user and password.
    address: ServerAddr,
    auth: Auth,
}

impl Login {
    /// Reads the addresses of the configuration.
    pub(super) fn read(config: &NatsConfig) -> Result<Self, AddressError> {
        config
            .url
            .validate("nats.url")
            .map_err(|error| AddressError(error.to_string()))?;
        let addresses = config.url.reveal().split(',').map(str::trim);
        let addresses = addresses.filter(|address| !address.is_empty());
        let entries: Vec<Entry> = addresses.map(Entry::read).collect::<Result<_, _>>()?;
        let named = entries.iter().find(|entry| entry.has_login());
        if let (Some(entry), Some(_)) = (named, &config.credentials_file) {
            let host = entry.address.host();
            return Err(AddressError(format!(
                "nats.url has a user or token for {host}, and nats.credentials_file is set: remove one"
            )));
        }
        Ok(Self {
            // Not all processes begin at the same server.
            turn: AtomicUsize::new(rand::random_range(0..entries.len().max(1))),
            current: AtomicUsize::new(0),
            refusing: RwLock::default(),
            entries,
        })
    }

    /// The addresses, without anything secret.
    pub(super) fn addresses(&self) -> Vec<ServerAddr> {
        let addresses = self.entries.iter().map(|entry| entry.address.clone());
        addresses.collect()
    }

    /// Options of a connection that logs in.
    pub(super) fn options(
        self: &Arc<Self>,
        credentials: Option<&Path>,
    ) -> Result<ConnectOptions, AddressError> {
        let options = match credentials {
            Some(file) => {
                let failed = |error: std::io::Error| {
                    let file = file.display();
                    AddressError(format!("nats.credentials_file {file}: {error}"))
                };
                let text = std::fs::read_to_string(file).map_err(failed)?;
                ConnectOptions::with_credentials(&text).map_err(failed)?
            }
            None => {
                let login = Arc::clone(self);
                ConnectOptions::with_auth_callback(move |_nonce| {
                    let auth = login.present();
                    async move { Ok::<_, AuthError>(auth) }
                })
            }
        };
        let login = Arc::clone(self);
        Ok(options.reconnect_to_server_callback(move |servers, _info| {
            let next = login.next(&servers);
            async move { next }
        }))
    }

    /// The servers that refuse the login, where no other takes it.
    pub(super) fn refusing(&self, state: &State) -> Option<String> {
        let refusing = self.refusing.read().unwrap_or_else(PoisonError::into_inner);
        let is_refused = *state != State::Connected && !refusing.is_empty();
        is_refused.then(|| refusing.clone())
    }

    /// The next server, in turn. One that others of the cluster told of has the login of the one before.
    fn next(&self, servers: &[async_nats::Server]) -> Option<ReconnectToServer> {
        self.note_refusals(servers);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let index = turn.checked_rem(servers.len())?;
        let server = servers.get(index)?;
        // Those of the configuration come first, in their order. One address may stand there with two logins.
        let entry = self.entries.get(index);
        if entry.is_some_and(|entry| entry.address == server.addr) {
            self.current.store(index, Ordering::Relaxed);
        }
        Some(ReconnectToServer {
            addr: server.addr.clone(),
            delay: None,
        })
    }

    fn note_refusals(&self, servers: &[async_nats::Server]) {
        let refusals = [
            ConnectErrorKind::AuthorizationViolation.to_string(),
            ConnectErrorKind::Authentication.to_string(),
        ];
        let refusing = servers.iter().filter(|server| {
            let error = server.last_error.as_deref().unwrap_or_default();
            refusals.iter().any(|refusal| error.starts_with(refusal))
        });
        let names: Vec<String> = refusing.map(|server| name_of(&server.addr)).collect();
        *self
            .refusing
            .write()
            .unwrap_or_else(PoisonError::into_inner) = names.join(", ");
    }

    fn present(&self) -> Auth {
        let entry = self.current();
        entry.map(|entry| entry.auth.clone()).unwrap_or_default()
    }

    /// The server whose login was presented last.
    pub(super) fn current_name(&self) -> String {
        self.current()
            .map_or_else(String::new, |entry| name_of(&entry.address))
    }

    fn current(&self) -> Option<&Entry> {
        self.entries.get(self.current.load(Ordering::Relaxed))
    }
}

fn name_of(address: &ServerAddr) -> String {
    format!("{}:{}", address.host(), address.port())
}

impl Entry {
    fn read(text: &str) -> Result<Self, AddressError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            AddressError(format!(
                "nats.url: {error}; write nats://USER:PASSWORD@HOST:PORT or nats://TOKEN@HOST:PORT, with %XX for what isn't \
                 a letter or digit in these"
            ))
        };
        let address: ServerAddr = text.parse().map_err(|error| unreadable(&error))?;
        let mut url = address.into_inner();
        let decode = |part: &str| {
            let decoded = percent_decode_str(part).decode_utf8();
            let decoded = decoded.map_err(|_| unreadable(&"the user or password is no UTF-8"))?;
            Ok::<_, AddressError>(Some(decoded.into_owned()))
        };
        let mut auth = Auth::new();
        match (url.username(), url.password()) {
            ("", None) => {}
            (token, None) => auth.token = decode(token)?,
            (user, Some(password)) => {
                auth.username = decode(user)?;
                auth.password = decode(password)?;
            }
        }
        let hidden = url.set_username("").and_then(|()| url.set_password(None));
        hidden.map_err(|()| unreadable(&"there is no host"))?;
        url.set_path("");
        url.set_query(None);
        url.set_fragment(None);
        let address = ServerAddr::from_url(url).map_err(|error| unreadable(&error))?;
        if address.host().is_empty() {
            return Err(unreadable(&"there is no host"));
        }
        Ok(Self { address, auth })
    }

    fn has_login(&self) -> bool {
        self.auth.username.is_some() || self.auth.token.is_some()
    }
}

/// Nothing secret.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let addresses = self.addresses();
        f.debug_struct("Login")
            .field("addresses", &addresses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::config::ServerUrl;

    fn read(url: &str) -> Result<Login, AddressError> {
        Login::read(&NatsConfig {
            url: ServerUrl::new(url),
            ..NatsConfig::default()
        })
    }

    #[test]
    fn each_address_has_its_own_login() {
        let login = read("nats://zoe:p%40%3A%2F%25%23@a:1/, tls://to%2Bken@b:2,c").unwrap();
        let logins: Vec<_> = login
            .entries
            .iter()
            .map(|entry| {
                let Auth {
                    username,
                    password,
                    token,
                    ..
                } = entry.auth.clone();
                (
                    entry.address.as_url_str().to_owned(),
                    username,
                    password,
                    token,
                )
            })
            .collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            logins,
            [
                ("nats://a:1".to_owned(), some("zoe"), some("p@:/%#"), None),
                ("tls://b:2".to_owned(), None, None, some("to+ken")),
                ("nats://c".to_owned(), None, None, None),
            ]
        );
        let shown = format!("{login:?}");
        for secret in ["zoe", "p%40", "p@", "ken"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn refuses_an_address_without_showing_it() {
        for url in [
            "nats://ann:hunter2@",
            "nats://ann:hunter2@host:port",
            "nats://ann:hun/ter2@host",
            "redis://ann:hunter2@host",
            "nats://ann:hunter2%ff@host",
            "nats://ann:hunter2",
        ] {
            let error = read(url).unwrap_err().to_string();
            assert!(error.contains("nats.url"), "{error}");
            assert!(!error.contains("hun"), "{error}");
        }
    }
}
