//! Service discovery: where the processes of a service are, by a fixed list, a name in DNS, or Consul. A follower sees each
//! change.

mod consul;
mod dns;
mod part;
mod registration;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use platform::Tasks;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use self::consul::Consul;
use self::dns::Dns;
use self::part::Part;
use self::source::Source;

pub use self::registration::Registration;

/// A set of addresses, each with a port.
pub(crate) type Addresses = BTreeSet<Arc<str>>;

/// Where the processes of a service are to be found.
#[derive(Debug, Clone)]
pub struct Endpoints {
    sources: Vec<Source>,
}

/// An entry of the configuration that isn't understood.
#[derive(Debug, thiserror::Error)]
#[error("`{entry}` {reason}")]
pub struct EndpointsError {
    entry: String,
    reason: &'static str,
}

impl Endpoints {
    /// Reads entries of these forms; with several the service is at the addresses of all of them:
    /// - `host:port`, which is an address;
    /// - `dns://name:port`, all addresses behind a name, asked again at least every 5 s. `?server=ip:port` asks this server
    ///   instead of the system's;
    /// - `consul://host:port/service`, the healthy instances that Consul's agent knows, followed as they change. `?tag=..`
    ///   takes only those with the tag.
    ///
    /// # Errors
    /// The first entry that is none of these.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, EndpointsError> {
        let sources: Result<_, _> = entries.iter().map(|it| it.as_ref().parse()).collect();
        Ok(Self { sources: sources? })
    }

    /// Addresses that don't change.
    pub fn fixed<T: Into<Arc<str>>>(addresses: impl IntoIterator<Item = T>) -> Self {
        let sources = addresses.into_iter().map(|it| Source::Fixed(it.into()));
        Self {
            sources: sources.collect(),
        }
    }

    /// Addresses that somebody else finds.
    pub fn watched(addresses: watch::Receiver<Vec<String>>) -> Self {
        Self {
            sources: vec![Source::Watched(addresses)],
        }
    }

    /// The agents of Consul that are asked, as `host:port`.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().filter_map(|source| match source {
            Source::Consul(consul) => Some(&*consul.agent),
            _ => None,
        })
    }

    /// Begins to look, until `stop`. `lost` tells that a connection was lost, so that it is time to look again.
    pub(crate) fn follow(
        self,
        lost: Arc<Notify>,
        tasks: &Tasks,
        stop: &CancellationToken,
    ) -> Followed {
        let parts = vec![Addresses::new(); self.sources.len()];
        let (found, changes) = watch::channel(parts);
        for (index, source) in self.sources.into_iter().enumerate() {
            source.begin(Part::new(index, found.clone()), &lost, tasks, stop);
        }
        Followed { changes }
    }
}

/// The addresses of a service as they change.
#[derive(Debug)]
pub(crate) struct Followed {
    /// Those of each source.
    changes: watch::Receiver<Vec<Addresses>>,
}

impl Followed {
    /// The addresses that are known now.
    pub(crate) fn now(&mut self) -> Addresses {
        self.changes
            .borrow_and_update()
            .iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Waits for a change. None once nothing will change.
    pub(crate) async fn changed(&mut self) -> Option<Addresses> {
        self.changes.changed().await.ok()?;
        Some(self.now())
    }
}

impl FromStr for Source {
    type Err = EndpointsError;

    fn from_str(entry: &str) -> Result<Self, EndpointsError> {
        let failed = |reason| EndpointsError {
            entry: entry.to_owned(),
            reason,
        };
        match entry.split_once("://") {
            None if has_port(entry) => Ok(Self::Fixed(entry.into())),
            None => Err(failed("must be an address with a port, as in `host:7000`")),
            Some(("dns", rest)) => Dns::parse(rest).map(Self::Dns).map_err(failed),
            Some(("consul", rest)) => Consul::parse(rest).map(Self::Consul).map_err(failed),
            Some(_) => Err(failed(
                "must begin with dns:// or consul://, or be an address",
            )),
        }
    }
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, source) in self.sources.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{source}")?;
        }
        Ok(())
    }
}

/// Whether an address has a host and a port.
fn has_port(address: &str) -> bool {
    split_port(address).is_some()
}

fn split_port(address: &str) -> Option<(&str, u16)> {
    let authority: http::uri::Authority = address.parse().ok()?;
    let port = authority.port_u16()?;
    let (host, _) = address.rsplit_once(':')?;
    let is_plain = !host.is_empty() && !host.contains('@');
    is_plain.then_some((host, port))
}

/// The parameters behind a `?`, in their order.
fn parameters(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.unwrap_or_default().split('&');
    pairs
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}
