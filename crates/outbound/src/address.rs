//! Judges an address as it is written, and what its name resolves to.

use std::net::IpAddr;

use url::{Host, ParseError, Url};

use crate::config::Config;
use crate::error::Refusal;
use crate::reserved::Guard;

/// The longest address that is read, in bytes. Push endpoints, the longest ones we know, have several hundred.
const MAX_BYTES: usize = 4 << 10;
/// The most answers of a name that a request may try one after another.
const MAX_ANSWERS: usize = 16;

/// The rules for addresses.
#[derive(Debug)]
pub(crate) struct Rules {
    ports: Vec<u16>,
    plain_http: bool,
    guard: Guard,
}

impl Rules {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            ports: config.ports.clone(),
            plain_http: config.plain_http,
            guard: Guard::new(config.allowed_networks.clone()),
        }
    }

    /// Reads an address and judges all that can be told of it without resolving its name.
    ///
    /// The judged host is the one of the URL that is returned, and that one is to be called: the text may spell it in ways
    /// that no two parsers read alike.
    pub(crate) fn read(&self, text: &str) -> Result<Url, Refusal> {
        if text.len() > MAX_BYTES {
            let max_bytes = MAX_BYTES;
            return Err(Refusal::TooLong { max_bytes });
        }
        let url = Url::parse(text).map_err(Refusal::Unreadable)?;
        match url.scheme() {
            "https" => (),
            "http" if self.plain_http => (),
            other => return Err(Refusal::Scheme(other.to_owned())),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if !self.ports.contains(&port) {
            return Err(Refusal::Port(port));
        }
        match url.host() {
            // A resolver isn't asked for these.
            Some(Host::Ipv4(address)) => self.judge_host(address.into())?,
            Some(Host::Ipv6(address)) => self.judge_host(address.into())?,
            // A name has no rule of its own: what it resolves to decides.
            Some(Host::Domain(_)) => (),
            None => return Err(Refusal::Unreadable(ParseError::EmptyHost)),
        }
        Ok(url)
    }

    fn judge_host(&self, address: IpAddr) -> Result<(), Refusal> {
        let refusal = |reserved| Refusal::Address { address, reserved };
        self.guard.judge(address).map_err(refusal)
    }

    /// Judges what a name resolves to, and returns the answers that may be tried, in their order.
    ///
    /// One answer that is refused refuses the name. To go on with the others would be as safe, but no public host has a
    /// private address beside a public one, so it is a mistake or an attack; and what is called would change from one
    /// request to the next.
    pub(crate) fn judge_answers(
        &self,
        name: &str,
        mut answers: Vec<IpAddr>,
    ) -> Result<Vec<IpAddr>, Refusal> {
        for &address in &answers {
            self.guard
                .judge(address)
                .map_err(|reserved| Refusal::Name {
                    name: name.to_owned(),
                    address,
                    reserved,
                })?;
        }
        answers.truncate(MAX_ANSWERS);
        Ok(answers)
    }
}

#[cfg(test)]
mod tests;
