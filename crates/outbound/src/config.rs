//! What may be called, and for how long and how much.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

use crate::reserved;

/// What may be called, and for how long and how much. The defaults are for webhooks: public hosts by HTTPS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The ports that may be called.
    pub ports: Vec<u16>,
    /// Whether `http` may be called besides `https`, for an operator's own networks and for tests. Its port, 80, must be
    /// among `ports`.
    pub plain_http: bool,
    /// Networks that may be called although they aren't public, such as `10.20.0.0/16` or `192.168.1.7`. Each must lie in
    /// one of the networks that are refused otherwise, and opens only those that it lies in: `fd00::/8` doesn't open the
    /// metadata of a cloud, `fd00:ec2::254` does.
    #[serde(deserialize_with = "networks")]
    pub allowed_networks: Vec<IpNet>,
    /// How long a request may take, in seconds: name, connection, TLS, headers and body together.
    pub timeout_secs: u64,
    /// How large the body of an answer may be, in bytes as they come: nothing is decompressed.
    pub max_answer_bytes: usize,
}

/// A value of the configuration that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} {problem}")]
pub struct ConfigError {
    key: &'static str,
    problem: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ports: vec![443],
            plain_http: false,
            allowed_networks: Vec::new(),
            timeout_secs: 15,
            max_answer_bytes: 64 << 10,
        }
    }
}

impl Config {
    /// Checks what types can't say.
    ///
    /// # Errors
    /// Names the first key whose value can't be used. The key is without its section, which the caller adds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |key, problem: &str| ConfigError {
            key,
            problem: problem.to_owned(),
        };
        if self.ports.is_empty() || self.ports.contains(&0) {
            return Err(invalid("ports", "must name ports above zero"));
        }
        if self.timeout_secs == 0 {
            return Err(invalid("timeout_secs", "must be above zero"));
        }
        if self.max_answer_bytes == 0 {
            return Err(invalid("max_answer_bytes", "must be above zero"));
        }
        self.allowed_networks.iter().try_for_each(validate_allowed)
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_secs)
    }
}

/// What opens nothing is a mistake, and so is what would open everything.
fn validate_allowed(network: &IpNet) -> Result<(), ConfigError> {
    let problem = if is_mapped(network) {
        "is IPv4 in the clothes of IPv6: write it as IPv4"
    } else if !reserved::is_reserved(network) {
        "lies in no network that is refused: name networks such as 10.20.0.0/16 one by one, and none that is public"
    } else {
        return Ok(());
    };
    Err(ConfigError {
        key: "allowed_networks",
        problem: format!("can't be used: {network} {problem}"),
    })
}

fn is_mapped(network: &IpNet) -> bool {
    match network {
        IpNet::V4(_) => false,
        IpNet::V6(it) => it.prefix_len() >= 96 && it.network().to_ipv4_mapped().is_some(),
    }
}

/// Reads networks, and addresses as networks of one.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| network(text)).collect()
}

fn network<E: de::Error>(text: &str) -> Result<IpNet, E> {
    let text = text.trim();
    let one = text.parse::<IpAddr>().map(IpNet::from);
    one.or_else(|_| text.parse()).map_err(|_| {
        E::custom(format!(
            "`{text}` is neither an address nor a network such as 10.0.0.0/8"
        ))
    })
}

#[cfg(test)]
mod tests;
