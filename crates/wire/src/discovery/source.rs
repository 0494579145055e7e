//! One of the places where addresses come from.

use std::fmt;
use std::sync::Arc;

use platform::Tasks;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::Addresses;
use super::consul::Consul;
use super::dns::Dns;
use super::part::Part;

#[derive(Debug, Clone)]
pub(super) enum Source {
    Fixed(Arc<str>),
    Watched(watch::Receiver<Vec<String>>),
    Dns(Dns),
    Consul(Consul),
}

impl Source {
    /// Fills its part: at once where it can, and until `stop` where it changes.
    pub(super) fn begin(
        self,
        part: Part,
        lost: &Arc<Notify>,
        tasks: &Tasks,
        stop: &CancellationToken,
    ) {
        let stop = stop.clone();
        let lost = Arc::clone(lost);
        match self {
            Self::Fixed(address) => part.set(Addresses::from([address])),
            Self::Watched(mut addresses) => {
                part.set(set_of(&addresses.borrow_and_update()));
                tasks.spawn(stop.run_until_cancelled_owned(async move {
                    while addresses.changed().await.is_ok() {
                        part.set(set_of(&addresses.borrow_and_update()));
                    }
                }));
            }
            Self::Dns(dns) => {
                tasks.spawn(stop.run_until_cancelled_owned(dns.follow(part, lost)));
            }
            Self::Consul(consul) => {
                tasks.spawn(stop.run_until_cancelled_owned(consul.follow(part)));
            }
        }
    }
}

fn set_of(addresses: &[String]) -> Addresses {
    addresses.iter().map(|it| Arc::from(it.as_str())).collect()
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(address) => f.write_str(address),
            Self::Watched(_) => f.write_str("watched"),
            Self::Dns(dns) => dns.fmt(f),
            Self::Consul(consul) => consul.fmt(f),
        }
    }
}
