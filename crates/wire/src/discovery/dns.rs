//! All addresses behind a name, as of a headless service. They are looked up again when their time is over, at least
//! every few seconds, and when a connection is lost.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::sync::Notify;

use super::part::Part;
use super::{Addresses, parameters, split_port};

/// A name server may say that an answer is good for longer; new processes are to get calls.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// However short an answer is good, and however many connections are lost.
const SHORTEST_REST: Duration = Duration::from_millis(500);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A name, and a port that the addresses behind it have in common.
#[derive(Debug, Clone)]
pub(super) struct Dns {
    name: String,
    port: u16,
    server: Option<SocketAddr>,
}

impl Dns {
    /// Reads `name:port?server=ip:port`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (address, query) = match text.split_once('?') {
            Some((address, query)) => (address, Some(query)),
            None => (text, None),
        };
        let (name, port) =
            split_port(address).ok_or("must name a port, as in `dns://name:7000`")?;
        let mut server = None;
        for (key, value) in parameters(query) {
            if key != "server" {
                return Err("has a parameter other than `server`");
            }
            let address = value.parse();
            server = Some(address.map_err(|_| "must name its server as `ip:port`")?);
        }
        Ok(Self {
            name: name.to_owned(),
            port,
            server,
        })
    }

    /// Looks the name up for as long as it is asked to. What was found last stands while nothing is found.
    pub(super) async fn follow(self, part: Part, lost: Arc<Notify>) {
        let resolver = loop {
            match self.resolver() {
                Ok(resolver) => break resolver,
                Err(error) => {
                    tracing::error!(%error, "the system's name servers are not known");
                    tokio::time::sleep(LONGEST_REST).await;
                }
            }
        };
        let mut was_found = true;
        loop {
            let rest = match self.look_up(&resolver).await {
                Ok((addresses, rest)) => {
                    was_found = true;
                    part.set(addresses);
                    rest
                }
                Err(error) => {
                    if was_found {
                        tracing::warn!(dns.name = self.name, %error, "a service's name can't be looked up");
                    }
                    was_found = false;
                    SHORTEST_REST
                }
            };
            tokio::time::sleep(SHORTEST_REST).await;
            let further = rest.saturating_sub(SHORTEST_REST);
            let _lost_or_time = tokio::time::timeout(further, lost.notified()).await;
        }
    }

    /// The addresses, and how long they are good.
    async fn look_up(&self, resolver: &TokioResolver) -> io::Result<(Addresses, Duration)> {
        let found = resolver
            .lookup_ip(self.name.as_str())
            .await
            .map_err(io::Error::other)?;
        let addresses: Addresses = found
            .iter()
            .map(|ip| SocketAddr::new(ip, self.port).to_string().into())
            .collect();
        if addresses.is_empty() {
            return Err(io::Error::other("the name has no addresses"));
        }
        let good = found
            .valid_until()
            .saturating_duration_since(std::time::Instant::now());
        Ok((addresses, good.clamp(SHORTEST_REST, LONGEST_REST)))
    }

    fn resolver(&self) -> io::Result<TokioResolver> {
        let mut builder = match self.server {
            None => TokioResolver::builder_tokio().map_err(io::Error::other)?,
            Some(server) => {
                let mut config = NameServerConfig::udp_and_tcp(server.ip());
                for connection in &mut config.connections {
                    connection.port = server.port();
                }
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![config]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options: &mut ResolverOpts = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.timeout = ANSWER_WITHIN;
        // Asking again is the point; how long an answer is good is heeded here.
        options.cache_size = 0;
        builder.build().map_err(io::Error::other)
    }
}

impl fmt::Display for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dns://{}:{}", self.name, self.port)
    }
}
