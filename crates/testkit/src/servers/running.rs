//! What all servers have in common, whoever started them.

use std::io::Error;
use std::sync::atomic::{AtomicU32, Ordering};

use super::daemon::Daemon;

/// Whether the server at an address answers.
type IsReady = fn(&str) -> bool;

/// A server that runs.
#[derive(Debug)]
pub(super) struct Running {
    url: String,
    numbers: AtomicU32,
    /// Absent where a running server was named.
    daemon: Option<(&'static str, Daemon, IsReady)>,
}

impl Running {
    /// A server that somebody else runs.
    pub(super) fn named(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            numbers: AtomicU32::default(),
            daemon: None,
        }
    }

    /// A server that was just started, once it is ready.
    pub(super) async fn started(
        name: &'static str,
        url: String,
        daemon: Daemon,
        is_ready: IsReady,
    ) -> Result<Self, Error> {
        let server = Self {
            daemon: Some((name, daemon, is_ready)),
            ..Self::named(url)
        };
        server.ready().await?;
        Ok(server)
    }

    pub(super) async fn ready(&self) -> Result<(), Error> {
        match &self.daemon {
            Some((name, daemon, is_ready)) => daemon.wait_until(name, || is_ready(&self.url)).await,
            None => Ok(()),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A name that no other test has, between `separator`s.
    pub(super) fn new_name(&self, separator: char) -> String {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        format!("test{separator}{process}{separator}{number}")
    }

    pub(super) fn daemon(&self) -> Result<&Daemon, Error> {
        let ours = self.daemon.as_ref().map(|(_, daemon, _)| daemon);
        ours.ok_or_else(|| Error::other("the named server isn't ours to end"))
    }
}
