//! Configuration of the gateway.

mod load;
mod rates;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use platform::config::{addresses, encoding_problem, trimmed};
use redis::limits::Rate;
use serde::Deserialize;

use crate::address::Network;
use crate::openapi::Info;

pub use self::load::{Bodies, Overload};

/// What operators decide about the gateway.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The name of this machine in the local network, if the gateway is to speak HTTPS by a certificate of its own.
    pub tls: Option<String>,
    /// Which web pages may call.
    pub cors: Cors,
    /// Reverse proxies whose `x-forwarded-for` is believed, as addresses or networks (`10.0.0.0/8`).
    pub trusted_proxies: Vec<Network>,
    /// Budgets of calls.
    pub rates: Rates,
    /// What is taken in at most, and for how long.
    pub limits: Limits,
    /// Room for the bodies of requests while they arrive.
    pub bodies: Bodies,
    /// When there is more to do than can be done.
    pub overload: Overload,
    /// How JSON is read and written.
    pub json: Json,
    /// What the API documentation says of the whole.
    pub api: Info,
    /// A file with an encoded `FileDescriptorSet` of further services, with imports and options.
    pub descriptor_set: Option<PathBuf>,
    /// Where those services are: `package.Service=http://host:port`.
    #[serde(deserialize_with = "addresses")]
    pub upstreams: Vec<String>,
}

/// Which web pages may call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Origins such as `https://app.example`, or `*` alone for any.
    #[serde(deserialize_with = "addresses")]
    pub allowed_origins: Vec<String>,
    /// Whether pages of this machine may call too: `http://localhost`, `127.0.0.1`, `[::1]`, of any port.
    pub loopback: bool,
    /// Headers that pages may read, beyond those of gRPC and of the gateway itself. Browsers that know `*` need no names.
    pub exposed_headers: Vec<String>,
}

/// Budgets of calls, one per rate class. Each person has one of each, and each address of callers without a token.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "rates::Given")]
pub struct Rates {
    /// Cheap reads.
    pub read: Rate,
    /// Changes of state.
    pub write: Rate,
    /// Calls that hash a password or hand out tokens.
    pub credentials: Rate,
    /// Calls that run a language model.
    pub generate: Rate,
    /// Methods whose contract names no class.
    pub unclassified: Rate,
}

/// What is taken in at most, and for how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub streams_per_connection: u32,
    /// Size of all headers of a request.
    pub header_bytes: u32,
    /// Size of a request message whose contract sets none.
    pub request_bytes: usize,
    /// Size of one message of an answer.
    pub response_bytes: usize,
    /// Time for a new connection to send the headers of its first request.
    pub header_secs: u64,
    /// Time without a request after which a connection is closed; longer than load balancers keep theirs open, or they would
    /// send a request just as it ends.
    pub idle_secs: u64,
    /// Time between pings of an HTTP/2 connection, and for their answers.
    pub keepalive_secs: u64,
    /// Time limit of methods whose contract sets none.
    pub call_secs: u64,
    /// Silence of an event stream after which a comment is sent.
    pub heartbeat_secs: u64,
    /// Time for running calls to end once shutdown begins.
    pub drain_secs: u64,
}

/// How JSON is read and written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Json {
    /// Skip members that no field has, instead of refusing them.
    pub ignore_unknown_fields: bool,
    /// Write fields that hold their default, so that clients find every member that isn't optional.
    pub print_defaults: bool,
    /// Compress answers that are long enough, for clients that accept it.
    pub compress: bool,
}

/// A value of the configuration that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("configuration: gateway.{key} {reason}")]
pub struct ConfigError {
    key: String,
    reason: String,
}

impl ConfigError {
    pub(crate) fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            reason: reason.into(),
        }
    }
}

impl Config {
    /// Checks what types can't say.
    ///
    /// # Errors
    /// Names the first key whose value can't be used, and what is wrong with it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (name, rate) in self.rates.all() {
            let usable = rate.per_second.is_finite() && rate.per_second > 0.0 && rate.burst > 0;
            if !usable {
                let reason = "needs a rate and a burst above zero";
                return Err(ConfigError::new(format!("rates.{name}"), reason));
            }
        }
        let limits = &self.limits;
        let positive = [
            ("connections", limits.connections as u64),
            (
                "streams_per_connection",
                u64::from(limits.streams_per_connection),
            ),
            ("header_bytes", u64::from(limits.header_bytes)),
            ("request_bytes", limits.request_bytes as u64),
            ("response_bytes", limits.response_bytes as u64),
            ("header_secs", limits.header_secs),
            ("idle_secs", limits.idle_secs),
            ("keepalive_secs", limits.keepalive_secs),
            ("call_secs", limits.call_secs),
            ("heartbeat_secs", limits.heartbeat_secs),
        ];
        if let Some((name, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::new(
                format!("limits.{name}"),
                "must be above zero",
            ));
        }
        self.bodies.validate()?;
        self.overload.validate()?;
        self.upstream_uris().map(|_| ())
    }

    /// The addresses of further services, by full service name.
    ///
    /// # Errors
    /// Names the entry that is not `package.Service=http://host:port`.
    pub fn upstream_uris(&self) -> Result<BTreeMap<String, http::Uri>, ConfigError> {
        let form = "must have the form package.Service=http://host:port";
        let mut uris = BTreeMap::new();
        for entry in &self.upstreams {
            let (service, uri) = entry.split_once('=').unwrap_or_default();
            let service = service.trim();
            // Without the address, which may hold a password.
            let invalid = |reason| ConfigError::new(format!("upstreams: {service}"), reason);
            if let Some(problem) = encoding_problem(uri) {
                return Err(invalid(problem));
            }
            let uri: http::Uri = trimmed(uri).parse().map_err(|_| invalid(form))?;
            let usable = !service.is_empty()
                && uri.scheme_str() == Some("http")
                && uri.authority().is_some()
                && uri.path() == "/";
            if !usable {
                return Err(invalid(form));
            }
            uris.insert(service.to_owned(), uri);
        }
        Ok(uris)
    }
}

impl Rates {
    pub(crate) fn all(&self) -> [(&'static str, Rate); 5] {
        [
            ("read", self.read),
            ("write", self.write),
            ("credentials", self.credentials),
            ("generate", self.generate),
            ("unclassified", self.unclassified),
        ]
    }
}

impl Limits {
    pub(crate) fn call(&self) -> Duration {
        Duration::from_secs(self.call_secs)
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.heartbeat_secs)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            tls: None,
            cors: Cors::default(),
            trusted_proxies: Vec::new(),
            rates: Rates::default(),
            limits: Limits::default(),
            bodies: Bodies::default(),
            overload: Overload::default(),
            json: Json::default(),
            api: Info::default(),
            descriptor_set: None,
            upstreams: Vec::new(),
        }
    }
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            loopback: true,
            exposed_headers: Vec::new(),
        }
    }
}

impl Default for Json {
    fn default() -> Self {
        Self {
            ignore_unknown_fields: false,
            print_defaults: true,
            compress: true,
        }
    }
}

impl Default for Rates {
    fn default() -> Self {
        let rate = |per_second, burst| Rate { per_second, burst };
        Self {
            read: rate(50.0, 200),
            write: rate(10.0, 60),
            credentials: rate(0.5, 20),
            generate: rate(0.5, 20),
            unclassified: rate(50.0, 200),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            streams_per_connection: 200,
            header_bytes: 32 * 1024,
            request_bytes: 4 * 1024 * 1024,
            response_bytes: 64 * 1024 * 1024,
            header_secs: 30,
            idle_secs: 75,
            keepalive_secs: 20,
            call_secs: 60,
            heartbeat_secs: 15,
            drain_secs: 30,
        }
    }
}
